# Sourced by bash before each case.  T is empty outside a space and tprun inside; it is not
# exported, so that programs see the same environment in both.
# shellcheck shell=bash disable=SC2086 # T is a command or nothing

# A soft limit that nothing else uses marks everything that comes from this case.
ulimit -S -q "$TAG"

# Runs a program in the background, its output at descriptor 3: line takes lines of it.
start() {
	mkfifo .out
	$T "$@" >.out &
	exec 3<.out
	rm .out
}

# Shows the next line; returns 1 at the end.
line() {
	local text
	IFS= read -r text <&3 && printf '%s\n' "$text"
}

# says STATUS TEXT PROG...: in a space tprun fails with that; outside the expectation stands for it.
says() {
	local status=$1 text=$2
	shift 2
	if [ -n "$T" ]; then
		$T "$@"
	else
		[ -z "$text" ] || printf '%s\n' "$text" >&2
		return "$status"
	fi
}

# The program at descriptor 3 has said so: from now on tprun has its place in the process group
# covered, which it sees to when a program has lived for a moment.
settled() {
	local child=
	[ -z "$T" ] || until [ -n "$child" ]; do read -r child <"/proc/$!/task/$!/children"; done
}
