# bash completion for ulite: commands, options and models come from the program itself.
_ulite() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} words=
    if [ "$COMP_CWORD" = 1 ] || [ "$COMP_CWORD" = 2 -a "$before" = help ]; then
        words="help $(ulite --help | sed -n 's/^  \([a-z]*\)  *.*/\1/p')"
    elif [[ $word == -* ]]; then
        words=$(ulite help "${COMP_WORDS[1]}" 2>/dev/null | grep -oE -- '--[a-z]+(-[a-z]+)*' | sort -u)
    else
        compopt -o filenames
        COMPREPLY=($(compgen -f -- "$word"))
        case $before in
        -m | --model | --from | --segments | info | export) words=$(ulite models -q 2>/dev/null | grep -o '^[^ ].*') ;;
        esac
    fi
    COMPREPLY+=($(compgen -W "$words" -- "$word"))
}
complete -F _ulite ulite
