# ulite_simd_source(target source): compiles one source over kernels/vec.h once per instruction-set
# level of the target machine and adds the objects to the target. Each copy sees
# UL_SIMD_SUFFIX = avx2, avx512 or neon, see UL_SIMD() in vec.h.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64|amd64")
    set(ulite_simd_levels avx2 avx512)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64|ARM64")
    set(ulite_simd_levels neon)
else()
    set(ulite_simd_levels)
endif()
set(ulite_simd_flags_avx2 -mavx2 -mfma)
set(ulite_simd_flags_avx512 -mavx2 -mfma -mavx512f -mavx512bw -mavx512dq -mavx512vl)
set(ulite_simd_flags_neon)

function(ulite_simd_source target source)
    get_filename_component(stem ${source} NAME_WE)
    if(ULITE_FUZZ) # clang takes minutes over these files with it; the asan preset, with gcc, has it
        set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS -fno-sanitize=undefined)
    endif()
    foreach(level IN LISTS ulite_simd_levels)
        set(objects ${target}_${stem}_${level})
        add_library(${objects} OBJECT ${source})
        target_include_directories(${objects} PRIVATE $<TARGET_PROPERTY:${target},INCLUDE_DIRECTORIES>)
        target_compile_options(${objects} PRIVATE ${ulite_simd_flags_${level}} $<$<CONFIG:Release>:-O3>)
        target_compile_definitions(${objects} PRIVATE UL_SIMD_SUFFIX=${level})
        target_link_libraries(${objects} PRIVATE ulite_flags)
        target_sources(${target} PRIVATE $<TARGET_OBJECTS:${objects}>)
    endforeach()
endfunction()
