/* station.c - a station whose instruments are a random number generator. */
#include "station.h"

static double between(unsigned *seed, double low, double high)
{
    *seed = *seed * 1103515245u + 12345u;
    return low + (high - low) * ((*seed >> 16) & 0x7fff) / 32767.0;
}

bool station_open(struct station *station, const char *config)
{
    station->config = fopen(config, "r");
    station->seed = 1;
    return station->config != NULL;
}

void station_read(struct station *station, struct reading *reading)
{
    reading->temperature_c = between(&station->seed, -10, 35);
    reading->pressure_hpa = between(&station->seed, 980, 1035);
    reading->wind_m_s = between(&station->seed, 0, 20);
    reading->rain_mm = between(&station->seed, 0, 4);
    reading->humidity_pct = (int)between(&station->seed, 30, 100);
    reading->level_mm = (int)between(&station->seed, 200, 900);
}

void station_close(struct station *station)
{
    if (station->config)
        fclose(station->config);
    station->config = NULL;
}
