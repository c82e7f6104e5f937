# Writes the man pages that the program prints: cmake -DULITE=program -DFOLDER=where -P make_man.cmake
execute_process(COMMAND ${ULITE} help --options OUTPUT_VARIABLE commands COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "[a-z]+" commands "${commands}")
execute_process(COMMAND ${ULITE} help --man OUTPUT_FILE ${FOLDER}/ulite.1 COMMAND_ERROR_IS_FATAL ANY)
foreach(command IN LISTS commands)
    execute_process(COMMAND ${ULITE} help --man ${command} OUTPUT_FILE ${FOLDER}/ulite-${command}.1 COMMAND_ERROR_IS_FATAL ANY)
endforeach()
