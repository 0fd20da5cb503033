/* main.c - the collector: reads the instruments once and prints a line. */
#include <stdio.h>
#include <time.h>

#include "station.h"

int main(int argc, char **argv)
{
    struct station station;
    struct reading reading;
    char when[32];
    time_t now = time(NULL);

    if (argc != 2) {
        fprintf(stderr, "usage: %s CONFIG\n", argv[0]);
        return 2;
    }
    if (!station_open(&station, argv[1])) {
        perror(argv[1]);
        return 1;
    }
    station_read(&station, &reading);
    strftime(when, sizeof(when), "%Y-%m-%dT%H:%MZ", gmtime(&now));
    printf("%s,%.1f,%d,%.1f,%.1f,%.1f,%d\n", when, reading.temperature_c, reading.humidity_pct, reading.pressure_hpa,
           reading.wind_m_s, reading.rain_mm, reading.level_mm);
    station_close(&station);
    return 0;
}
