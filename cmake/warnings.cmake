# Warnings, sanitizers and floating-point rules that every target of the project takes.
add_library(ulite_flags INTERFACE)
target_compile_options(ulite_flags INTERFACE
    -Wall -Wextra $<$<BOOL:${ULITE_WERROR}>:-Werror> -Wshadow -Wpointer-arith -Wcast-qual -Wundef -ffp-contract=off
    $<$<C_COMPILER_ID:GNU>:-Wno-format-truncation>
    $<$<C_COMPILER_ID:Clang>:-Wno-pass-failed> # a loop hint that -O1 cannot follow is no fault
    $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes -Wmissing-prototypes>
    # clang also reports every size_t that becomes an enumerator
    $<$<COMPILE_LANG_AND_ID:C,GNU>:-Wconversion -Wno-sign-conversion>)
if(ULITE_SANITIZE)
    target_compile_options(ulite_flags INTERFACE
        -fsanitize=${ULITE_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer
        $<$<C_COMPILER_ID:GNU>:-Wno-conversion>) # gcc misreads the code that its sanitizer adds
    target_link_options(ulite_flags INTERFACE -fsanitize=${ULITE_SANITIZE})
endif()
if(ULITE_FUZZ)
    target_compile_options(ulite_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
target_compile_definitions(ulite_flags INTERFACE _POSIX_C_SOURCE=200809L ULITE_VERSION="${PROJECT_VERSION}")
