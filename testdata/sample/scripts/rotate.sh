#!/bin/sh
# rotate.sh LOG: LOG becomes LOG.1, LOG.1 becomes LOG.2, and so on; thirty are kept.
set -eu
log=${1:?usage: rotate.sh LOG}
n=29
while [ "$n" -ge 1 ]; do
    [ ! -e "$log.$n" ] || mv "$log.$n" "$log.$((n + 1))"
    n=$((n - 1))
done
[ ! -e "$log" ] || mv "$log" "$log.1"
