#!/bin/sh
# The agent is static, asks for no interpreter and needs no symbol from anywhere: nothing
# of a libc can be in the space outside the programs' own copies.
set -eu
agent=$1

undefined=$(nm -u "$agent")
headers=$(readelf -lW "$agent")
sections=$(readelf -SW "$agent")

fail() {
	echo "$agent: $*" >&2
	exit 1
}

[ -z "$undefined" ] || fail "undefined symbols: $undefined"
case $headers in *INTERP*) fail "asks for a program interpreter" ;; esac
case $headers in *DYNAMIC*) fail "is dynamically linked" ;; esac
case $headers in *TLS*) fail "has thread-local storage" ;; esac
case $headers in *RWE*) fail "has memory that is both writable and executable" ;; esac
case $sections in *.init_array*) fail "has constructors" ;; esac
