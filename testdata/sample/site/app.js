"use strict";

async function readings(month) {
  const response = await fetch(`../data/readings-${month}.csv`);
  const [head, ...lines] = (await response.text()).trim().split("\n");
  const names = head.split(",");
  return lines.map((line) => Object.fromEntries(line.split(",").map((value, i) => [names[i], value])));
}

readings("2024-12").then((rows) => {
  const body = document.querySelector("#readings tbody");
  for (const row of rows.slice(-24)) {
    const line = body.insertRow();
    for (const name of ["time", "temperature_c", "pressure_hpa", "level_mm"]) line.insertCell().textContent = row[name];
  }
  document.querySelector("#newest").textContent = rows.at(-1).time;
});
