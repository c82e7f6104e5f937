# What distributions build with, for optimised builds without sanitizers: checked copies, guarded stacks, tables that are
# read-only after linking. Position-independent code is set for all in CMakeLists.txt.
option(ULITE_HARDENING "Harden Release and RelWithDebInfo builds" ON)
if(ULITE_HARDENING AND NOT ULITE_SANITIZE)
    set(optimised $<CONFIG:Release,RelWithDebInfo>)
    target_compile_options(ulite_flags INTERFACE
        "$<${optimised}:-U_FORTIFY_SOURCE;-D_FORTIFY_SOURCE=2;-fstack-protector-strong;-fstack-clash-protection>")
    if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64|amd64")
        target_compile_options(ulite_flags INTERFACE $<${optimised}:-fcf-protection>)
    endif()
    target_link_options(ulite_flags INTERFACE $<${optimised}:LINKER:-z,relro,-z,now,-z,noexecstack>)
endif()
