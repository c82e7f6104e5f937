# Writes the man pages from the program's own help: cmake -DULITE=program -DFOLDER=where -DVERSION=0.1.0 -P make_man.cmake
execute_process(COMMAND ${ULITE} --help OUTPUT_VARIABLE overview COMMAND_ERROR_IS_FATAL ANY)

function(write_page page title summary text)
    string(REPLACE "\\" "\\e" text "${text}")
    string(REPLACE "-" "\\-" text "${text}")
    string(REGEX REPLACE "\n([.'])" "\n\\\\&\\1" text "${text}")
    file(WRITE ${FOLDER}/${page}.1 ".TH ${title} 1 \"\" \"ulite ${VERSION}\" \"User Commands\"\n"
        ".SH NAME\n${page} \\- ${summary}\n.SH DESCRIPTION\n.nf\n${text}.fi\n")
endfunction()

write_page(ulite ULITE "U-Lite segmentation of DICOM and NIfTI on the CPU" "${overview}")
string(REGEX MATCHALL "\n  [a-z]+ +[^\n]+" lines "${overview}")
foreach(line IN LISTS lines)
    string(REGEX REPLACE "^\n  ([a-z]+) +(.*)$" "\\1;\\2" parts "${line}")
    list(GET parts 0 command)
    list(GET parts 1 summary)
    execute_process(COMMAND ${ULITE} help ${command} OUTPUT_VARIABLE text COMMAND_ERROR_IS_FATAL ANY)
    string(TOUPPER ${command} upper)
    write_page(ulite-${command} ULITE-${upper} "${summary}" "${text}")
endforeach()
