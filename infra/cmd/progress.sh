#!/bin/sh
# progress.sh WHAT COMMAND ARGUMENT...: runs a command that says nothing for a long
# time, and says every 3 seconds how far it is. Shows the output of a command that
# fails, and of one that is not `go build -v`, whose output is the progress.
. infra/cmd/quiet.sh
what=$1
shift
command -v "$1" >/dev/null || { echo "dsync: $1 is not installed; README.md names what is needed" >&2; fail 127; }
output=$(mktemp) || exit 1
trap 'rm -f "$output"' EXIT
MAKELEVEL=2 "$@" >"$output" 2>&1 & # make ends when the output is shown
command=$!
trap 'kill "$command" 2>/dev/null; exit 130' INT TERM
began=$(date +%s)
told=
while kill -0 "$command" 2>/dev/null; do
	sleep 0.2
	now=$(date +%s)
	if [ -z "$told" ] && [ "$now" -gt "$began" ]; then
		told=$now
		echo "$what" >&2
	elif [ -n "$told" ] && [ $((now - told)) -ge 3 ]; then
		told=$now
		done=
		[ "$1" = go ] && done=", $(grep -vc '^go: ' "$output") packages compiled, $(grep -c '^go: downloading' "$output") modules downloaded"
		echo "  $((now - began)) s$done" >&2
	fi
done
wait "$command"
status=$?
if [ "$status" != 0 ]; then
	grep -Ev '^[a-zA-Z0-9./_-]+$' "$output" >&2 # not the names of packages
elif [ "$1" != go ]; then
	cat "$output"
fi
[ "$status" = 0 ] || { rm -f "$output"; fail "$status"; }
