#!/bin/sh
# task.sh COMMAND ARGUMENT...: builds infra/cmd/COMMAND if it has changed, and runs
# it, for a task of the Makefile.
#
# The command says in one sentence what failed. Make would add a line about its
# recipe, which says nothing to a person. So a failure ends make with SIGPIPE, which
# neither make nor a shell reports: the status of make is 141.
name=$1
shift
trap : INT # the command handles it; a shell would end before it
program=dist/tools/$name
sh infra/cmd/progress.sh "Building the command ($name). The first time, this takes a minute or two." \
	go build -v -trimpath -o "$program" "./infra/cmd/$name" && "$program" "$@"
status=$?
if [ "$status" != 0 ] && [ "$MAKELEVEL" = 1 ]; then
	kill -s PIPE "$PPID"
fi
exit "$status"
