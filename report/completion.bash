# Completion of ./geocommit for bash; printed by `./geocommit completion bash`. In zsh, `./geocommit completion zsh` puts
# bashcompinit before it. tests/report/completion_test.py holds the words to each command's --help.
#   source <(./geocommit completion bash)

_geocommit_options() {
  case "$1" in
    run) echo "--dry-run --output --set --emulation --seed --protocols --repetitions --quick --allow-expected --no-twin --junit --base-port --prometheus --prometheus-port --progress --quiet --verbose" ;;
    sim) echo "--output --logs --set --seed --protocols --repetitions --quick --allow-expected --junit --progress --quiet" ;;
    predict) echo "--topology --set --seed --protocols" ;;
    probe) echo "--emulation --backend --duration --load --json --check" ;;
    replay) echo "--port --exit-after" ;;
    report) echo "--open" ;;
    results) echo "--folder" ;;
    compare) echo "--csv --html --seed --fail-on" ;;
    trace) echo "--cell --txn --slowest --blocked --violations --perfetto --most --all --width" ;;
    fuzz) echo "--seeds --protocol --option --faults --duration --regions --participants --jobs --verbose --no-shrink" ;;
    check) echo "--allow-expected" ;;
    twin) echo "--apart" ;;
    export) echo "--history --format --cell" ;;
    explore) echo "--option --writes --replicas --late-rounds --checkpoint-records --participants --read-only --crashes --partitions --duplicates --drops --early-timers --early-firings --denials --wounds --restarts --lost-tail --depth --states --seconds --memory-mib --threads --show --no-reduction --no-symmetry --save --replay --failover --no-fencing --sites --failovers --transfers --renewals --half-leases --heartbeats --conflict --checkpoints --losses --no-wait --sent-arrives --sent-lost" ;;
  esac
}

# Names of the files NAME.yaml in a folder beside the program, or where an installed one has it.
_geocommit_names() {
  local program folder file
  program=$(type -P "${COMP_WORDS[0]}" 2>/dev/null || echo "${COMP_WORDS[0]}")
  folder=$(dirname "$(readlink -f "$program" 2>/dev/null || echo .)")
  [ -d "$folder/$1" ] || folder=$folder/../share/geocommit
  folder=$folder/$1
  for file in "$folder"/*.yaml; do
    [ -e "$file" ] && basename "$file" .yaml
  done
}

_geocommit() {
  local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} command=${COMP_WORDS[1]}
  local commands="run sim predict probe topology protocols validate clean version replay list init results report compare trace fuzz check twin export explore schema completion"
  local protocols="@PROTOCOLS@"
  COMPREPLY=()
  if [ "$COMP_CWORD" = 1 ]; then
    COMPREPLY=($(compgen -W "$commands --help --version" -- "$current"))
    return
  fi
  case "$before" in
    --topology) COMPREPLY=($(compgen -W "$(_geocommit_names topologies)" -- "$current") $(compgen -f -- "$current")); return ;;
    --protocols) COMPREPLY=($(compgen -W "$protocols" -- "$current")); return ;;
    --format) COMPREPLY=($(compgen -W "markdown latex csv json edn" -- "$current")); return ;;
    --fail-on) COMPREPLY=($(compgen -W "regression" -- "$current")); return ;;
    --emulation) COMPREPLY=($(compgen -W "auto netem tun loopback deployed sim" -- "$current")); return ;;
    --output|--html|--junit|--perfetto|--save|--replay) COMPREPLY=($(compgen -f -- "$current")); return ;;
  esac
  case "$current" in
    -*) COMPREPLY=($(compgen -W "$(_geocommit_options "$command") --help" -- "$current")); return ;;
  esac
  case "$command" in
    protocols|explore) COMPREPLY=($(compgen -W "$protocols" -- "$current")) ;;
    probe|topology) COMPREPLY=($(compgen -W "$(_geocommit_names topologies)" -- "$current") $(compgen -f -- "$current")) ;;
    run|sim|predict|validate) COMPREPLY=($(compgen -W "$(_geocommit_names experiments)" -- "$current") $(compgen -f -- "$current")) ;;
    results) COMPREPLY=($(compgen -W "clean" -- "$current")) ;;
    schema) COMPREPLY=($(compgen -W "experiment topology" -- "$current")) ;;
    completion) COMPREPLY=($(compgen -W "bash zsh" -- "$current")) ;;
    clean|version|fuzz|list|init) ;;
    *) COMPREPLY=($(compgen -f -- "$current")) ;;
  esac
}

complete -o filenames -F _geocommit geocommit
