// Pairs of sites that are close to each other.

import { dot, fractionalBy, toCartesian } from "./crystal.js";

/** Pairs [i, j] of places, i < j, less than a small distance apart, across the faces of the cell too: a sweep along the first axis. */
export function pairsWithin(lattice, places, distance) {
  const along = fractionalBy(lattice), reach = distance * Math.hypot(...[[1, 0, 0], [0, 1, 0], [0, 0, 1]].map((unit) => along(unit)[0]));
  const order = places.map((_, i) => i).sort((i, j) => places[i][0] - places[j][0]);
  const pairs = [];
  order.forEach((i, rank) => {
    for (let k = 1; k < order.length; k++) {
      const next = rank + k, j = order[next % order.length], turns = Math.floor(next / order.length);
      if (places[j][0] + turns - places[i][0] > reach) break;
      if (isWithin(lattice, places[i], places[j], distance)) pairs.push(i < j ? [i, j] : [j, i]);
    }
  });
  return pairs;
}

function isWithin(lattice, u, v, distance) {
  const step = toCartesian(lattice, u.map((x, k) => x - v[k] - Math.round(x - v[k])));
  return dot(step, step) < distance * distance;
}
