# Writes a C file that holds other files: cmake -DOUTPUT=C_FILE -DNAMES=name,... -DFILES=path,... -P embed.cmake
# gives each as `const unsigned char NAME[]` and `const size_t NAME_bytes`.
string(REPLACE "," ";" NAMES "${NAMES}")
string(REPLACE "," ";" FILES "${FILES}")
set(text "#include <stddef.h>\n")
foreach(name file IN ZIP_LISTS NAMES FILES)
    file(READ ${file} hex HEX)
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
    string(APPEND text "extern const unsigned char ${name}[];\nextern const size_t ${name}_bytes;\n"
        "const unsigned char ${name}[] = {${bytes}};\nconst size_t ${name}_bytes = sizeof ${name};\n")
endforeach()
file(WRITE ${OUTPUT} "${text}")
