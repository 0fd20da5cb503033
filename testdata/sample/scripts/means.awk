# means.awk: the mean temperature of each day of a month's file.
BEGIN { FS = "," }
NR > 1 && $2 != "" { day = substr($1, 1, 10); sum[day] += $2; count[day]++ }
END { for (day in sum) printf "%s %.1f\n", day, sum[day] / count[day] | "sort" }
