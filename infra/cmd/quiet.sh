# Sourced by the scripts of the Makefile's tasks: fail STATUS ends the script, and make
# with it.
#
# The command says in one sentence what failed. Make would add a line about its
# recipe, which says nothing to a person. So a failure ends make with SIGPIPE, which
# neither make nor a shell reports: the status of make is 141.
fail() {
	parent=$PPID
	while [ "$MAKELEVEL" = 1 ] && [ "$parent" -gt 1 ]; do
		case $(ps -o comm= -p "$parent") in
		*make) kill -s PIPE "$parent" && break ;;
		*sh) parent=$(ps -o ppid= -p "$parent" | tr -d ' ') ;; # a shell in between
		*) break ;;
		esac
	done
	exit "$1"
}
