#!/bin/sh
# fetch.sh HOST MONTH: copies a month from the station.
set -eu
scp "$1:weather/data/readings-$2.csv" data/
