#!/bin/sh
# task.sh COMMAND ARGUMENT...: builds infra/cmd/COMMAND if it has changed, and runs
# it, for a task of the Makefile.
. infra/cmd/quiet.sh
name=$1
shift
trap : INT # the command handles it; a shell would end before it
program=dist/tools/$name
sh infra/cmd/progress.sh "Building the command $name. The first time, this takes a minute or two." \
	go build -v -trimpath -o "$program" "./infra/cmd/$name" && "$program" "$@"
status=$?
[ "$status" = 0 ] || fail "$status"
