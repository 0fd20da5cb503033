# Runs that are killed and go on: a few points of the sweep that tests/kill.sh does in full.
. "$(dirname "$0")/../lib.sh"
cd / # it has a directory of its own
run_command sh "$MR_SOURCE/tests/kill.sh" 8 400 3
expect_status 0
expect_text "$out" 'all as uninterrupted, no temporary file left'
