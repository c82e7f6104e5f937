# bash completion for ulite: commands, options, their words and models come from the program itself.
_ulite() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} words=
    if [ "$COMP_CWORD" = 1 ] || [ "$COMP_CWORD" = 2 -a "$before" = help ]; then
        words="help $(ulite help --options)"
    elif [[ $word == -* ]]; then
        words=$(ulite help --options "${COMP_WORDS[1]}" 2>/dev/null | cut -d ' ' -f 1)
    else
        [[ $before == --* ]] && words=$(ulite help --options "${COMP_WORDS[1]}" 2>/dev/null | sed -n "s/^$before //p")
        case $before in
        -m | --model | --from | --segments | info | export) words=$(ulite models -q 2>/dev/null | grep -o '^[^ ].*') ;;
        esac
        compopt -o filenames
        [ "$words" ] && [[ $before == --* ]] || COMPREPLY=($(compgen -f -- "$word"))
    fi
    COMPREPLY+=($(compgen -W "$words" -- "$word"))
}
complete -F _ulite ulite
