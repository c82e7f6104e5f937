# bash completion for ulite: commands and options come from the program's own help.
_ulite() {
    local word=${COMP_WORDS[COMP_CWORD]} words
    if [ "$COMP_CWORD" = 1 ] || [ "$COMP_CWORD" = 2 -a "${COMP_WORDS[1]}" = help ]; then
        words="help $(ulite --help | sed -n 's/^  \([a-z]*\)  *.*/\1/p')"
        COMPREPLY=($(compgen -W "$words" -- "$word"))
    elif [[ $word == -* ]]; then
        words=$(ulite help "${COMP_WORDS[1]}" 2>/dev/null | grep -oE -- '--[a-z]+(-[a-z]+)*' | sort -u)
        COMPREPLY=($(compgen -W "$words --help" -- "$word"))
    else
        compopt -o filenames
        COMPREPLY=($(compgen -f -- "$word"))
    fi
}
complete -F _ulite ulite
