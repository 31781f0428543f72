# SPDX-License-Identifier: GPL-2.0-or-later
# Completion of husk's command line for bash.

# The names of the containers below the --root that was given, or of those in the default place.
_husk_containers() {
	local i root=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--root) root=(--root "${COMP_WORDS[i + 1]}") ;;
		esac
	done
	husk "${root[@]}" list --quiet 2>/dev/null
}

# Goes from an option to its value: the next word, or the one behind an equals sign of its own.
_husk_skip_value() {
	[[ ${COMP_WORDS[i + 1]} != = ]] || ((i++))
	((i++))
}

# The command on the line and where it stands: sets command and command_at.
_husk_find_command() {
	local i
	command= command_at=0
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--log | --log-format | --root | --criu | --rootless | --platform | --cgroup-manager) _husk_skip_value ;;
		-* | =) ;;
		*)
			command=${COMP_WORDS[i]}
			command_at=$i
			return
			;;
		esac
	done
}

# How many arguments stand behind the command, options and their values not counted.
_husk_count_arguments() {
	local i
	arguments=0
	for ((i = command_at + 1; i < COMP_CWORD; i++)); do
		case $command:${COMP_WORDS[i]} in
		# Elsewhere these are flags: -f of delete, -r of kill, --cpu-config of state.
		create:-[bf] | run:-[bf] | exec:-[cegpu] | list:-f | ps:-f | spec:-b | update:-r) _husk_skip_value ;;
		*:--apparmor | *:--additional-gids | *:--blkio-weight | *:--bundle | *:--cap | *:--cgroup | \
			*:--config | *:--console-socket | *:--cpu-[!c]* | *:--cpuset-* | *:--cwd | *:--env | \
			*:--format | *:--interval | *:--kernel-memory* | *:--l3-cache-schema | \
			*:--mem-bw-schema | *:--memory* | *:--pid-file | *:--pidfd-socket | *:--pids-limit | \
			*:--preserve-fds | *:--process | *:--process-label | *:--resources | *:--user)
			_husk_skip_value
			;;
		*:-*) ;;
		*) ((arguments++)) ;;
		esac
	done
}

_husk() {
	local cur prev command command_at arguments
	local create="--bundle --config --pidfd-socket --console-socket --pid-file --no-pivot --no-new-keyring --preserve-fds"
	local -A options=(
		[check]="" [create]="$create" [delete]="--force"
		[events]="--interval --stats"
		[exec]="--console-socket --cwd --env --tty --user --additional-gids --process --detach
			--pid-file --pidfd-socket --process-label --apparmor --no-new-privs --cap
			--preserve-fds --cgroup --ignore-paused"
		[features]="" [help]="" [kill]="--all --regex" [list]="--format --quiet" [mounts]="" [pause]="" [ps]="--format"
		[resume]="" [run]="$create --detach --keep --no-subreaper" [spec]="--bundle --rootless" [start]=""
		[state]="--cpu-config" [stats]="--platform"
		[update]="--resources --memory --memory-reservation --memory-swap --kernel-memory
			--kernel-memory-tcp --cpu-quota --cpu-period --cpu-burst --cpu-share --cpu-idle
			--cpu-rt-period --cpu-rt-runtime --cpuset-cpus --cpuset-mems --pids-limit
			--blkio-weight --l3-cache-schema --mem-bw-schema"
		[version]=""
	)
	local signals="HUP INT QUIT ABRT KILL USR1 USR2 TERM CHLD CONT STOP TSTP WINCH"

	cur=${COMP_WORDS[COMP_CWORD]}
	prev=${COMP_WORDS[COMP_CWORD - 1]}
	COMPREPLY=()

	case $prev in
	--root | --bundle | -b)
		COMPREPLY=($(compgen -d -- "$cur"))
		return
		;;
	--log | --config | --pid-file | --console-socket | --pidfd-socket | --process | --resources)
		COMPREPLY=($(compgen -f -- "$cur"))
		return
		;;
	--platform)
		if [[ -z $(_husk_find_command; echo "$command") ]]; then
			COMPREPLY=($(compgen -W "auto kvm ptrace" -- "$cur"))
			return
		fi
		;;
	--log-format)
		COMPREPLY=($(compgen -W "text json" -- "$cur"))
		return
		;;
	--format)
		COMPREPLY=($(compgen -W "table json" -- "$cur"))
		return
		;;
	esac

	_husk_find_command
	if [[ -z $command ]]; then
		if [[ $cur == -* ]]; then
			COMPREPLY=($(compgen -W "--debug --log --log-format --platform --root --systemd-cgroup --cgroup-manager
				--criu --rootless --help --version" -- "$cur"))
		else
			COMPREPLY=($(compgen -W "${!options[*]}" -- "$cur"))
		fi
		return
	fi
	if [[ $cur == -* ]]; then
		COMPREPLY=($(compgen -W "${options[$command]} --help" -- "$cur"))
		return
	fi
	_husk_count_arguments
	case $command:$arguments in
	help:0) COMPREPLY=($(compgen -W "${!options[*]}" -- "$cur")) ;;
	delete:0 | events:0 | exec:0 | kill:0 | pause:0 | ps:0 | resume:0 | start:0 | state:0 | stats:0 | update:0)
		COMPREPLY=($(compgen -W "$(_husk_containers)" -- "$cur"))
		;;
	mounts:0) COMPREPLY=($(compgen -W "add remove" -- "$cur")) ;;
	mounts:1) COMPREPLY=($(compgen -W "$(_husk_containers)" -- "$cur")) ;;
	mounts:2) COMPREPLY=($(compgen -f -- "$cur")) ;;
	kill:1) COMPREPLY=($(compgen -W "$signals" -- "$cur")) ;;
	esac
}

complete -F _husk husk
