/* station.h - one weather station. */
#ifndef STATION_H
#define STATION_H

#include <stdbool.h>
#include <stdio.h>

struct reading {
    double temperature_c, pressure_hpa, wind_m_s, rain_mm;
    int humidity_pct, level_mm;
};

struct station {
    FILE *config;
    unsigned seed;
};

bool station_open(struct station *station, const char *config);
void station_read(struct station *station, struct reading *reading);
void station_close(struct station *station);

#endif
