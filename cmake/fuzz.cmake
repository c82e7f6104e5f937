# ulite_fuzz_target(name source... [LIBRARIES library...] [MUTATOR source])
#
# A fuzz target: a C or C++ file that defines LLVMFuzzerTestOneInput. Its corpus is tests/fuzz/corpus/<name>/.
# With ULITE_FUZZ=ON (preset fuzz, clang) it is a libFuzzer program:
#     build/fuzz/tests/fuzz_<name> -max_total_time=60 tests/fuzz/corpus/<name>
# MUTATOR: a file of tests/fuzz that defines LLVMFuzzerCustomMutator. scripts/fuzz.sh runs all targets.
# In every build the corpus, and cut and bit-flipped forms of it, are replayed as the test fuzz_replay_<name>.
# A crash that the fuzzer finds becomes a file of the corpus.
function(ulite_fuzz_target name)
    cmake_parse_arguments(arg "" "MUTATOR" "LIBRARIES" ${ARGN})
    set(corpus ${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/${name})
    add_executable(fuzz_${name} ${arg_UNPARSED_ARGUMENTS})
    target_link_libraries(fuzz_${name} PRIVATE ${arg_LIBRARIES} m ulite_flags)
    set_target_properties(fuzz_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
    if(ULITE_FUZZ)
        target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
        if(arg_MUTATOR)
            target_sources(fuzz_${name} PRIVATE ${arg_MUTATOR} ${CMAKE_SOURCE_DIR}/tests/fuzz/mutate.c)
            target_link_libraries(fuzz_${name} PRIVATE ZLIB::ZLIB)
        endif()
        add_test(NAME fuzz_replay_${name} COMMAND fuzz_${name} -runs=0 ${corpus})
    else()
        target_sources(fuzz_${name} PRIVATE ${CMAKE_SOURCE_DIR}/tests/fuzz/replay.c)
        add_test(NAME fuzz_replay_${name} COMMAND fuzz_${name} ${corpus})
    endif()
    set_tests_properties(fuzz_replay_${name} PROPERTIES LABELS fuzz)
endfunction()
