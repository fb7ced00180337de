# bash completion of cni-bridge; made by "cni-bridge completion bash"
_cni_bridge() {
  local word=${COMP_WORDS[COMP_CWORD]}
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    mapfile -t COMPREPLY < <(compgen -W "ls why doctor repair gc metrics lint plan schema completion man --help --version" -- "$word")
    return
  fi
  case ${COMP_WORDS[1]} in
    ls)
      mapfile -t COMPREPLY < <(compgen -W "--json --long --conf-dir --data-dir --help" -- "$word")
      ;;
    why)
      mapfile -t COMPREPLY < <(compgen -W "--json --conf-dir --data-dir --help" -- "$word")
      ;;
    doctor)
      mapfile -t COMPREPLY < <(compgen -W "--all --json --conf-dir --data-dir --help" -- "$word")
      ;;
    repair)
      mapfile -t COMPREPLY < <(compgen -W "--dry-run --help" -- "$word")
      ;;
    gc)
      mapfile -t COMPREPLY < <(compgen -W "--yes --conf-dir --data-dir --help" -- "$word")
      ;;
    metrics)
      mapfile -t COMPREPLY < <(compgen -W "--output --log --conf-dir --data-dir --help" -- "$word")
      ;;
    lint)
      mapfile -t COMPREPLY < <(compgen -W "--json --reference --strict --help" -- "$word")
      [[ $word == -* ]] || mapfile -t COMPREPLY < <(compgen -f -- "$word")
      ;;
    plan)
      mapfile -t COMPREPLY < <(compgen -W "--container --ifname --netns --help" -- "$word")
      [[ $word == -* ]] || mapfile -t COMPREPLY < <(compgen -f -- "$word")
      ;;
    schema)
      mapfile -t COMPREPLY < <(compgen -W "--help bridge host-local conflist" -- "$word")
      ;;
    completion)
      mapfile -t COMPREPLY < <(compgen -W "--help bash zsh fish" -- "$word")
      ;;
    man)
      mapfile -t COMPREPLY < <(compgen -W "--help" -- "$word")
      ;;
  esac
}
complete -o filenames -F _cni_bridge cni-bridge
