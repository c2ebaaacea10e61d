// The crystal: what every reader makes and the core takes.

import { describeSpecies, rankSpecies } from "./elements.js";

/**
 * {lattice, positions, labels, species}. lattice: 9 numbers, rows in Å; positions: 3 n fractional coordinates; labels: n indices
 * into species.
 * @param {number[][]} lattice three rows
 * @param {number[][]} positions
 * @param {[string, number][][]} sites what sits on each position: elements with their occupancies
 */
export function buildCrystal(lattice, positions, sites) {
  const keys = sites.map((parts) => JSON.stringify(parts)), distinct = [...new Set(keys)];
  const number = new Map(distinct.map((key, index) => [key, index]));
  return {
    lattice: lattice.flat(),
    positions: positions.flat(),
    labels: mergeEqual(keys.map((key) => number.get(key)), distinct),
    species: rankSpecies(distinct.map((key) => describeSpecies(JSON.parse(key)))),
  };
}

/** Labels in which sites with the same elements, in any order, are one. */
function mergeEqual(labels, distinct) {
  const sorted = distinct.map((key) => JSON.stringify(JSON.parse(key).sort()));
  return labels.map((label) => sorted.indexOf(sorted[label]));
}

/** Determinant of three rows. */
export function volumeOf([a, b, c]) {
  return (
    a[0] * (b[1] * c[2] - b[2] * c[1]) - a[1] * (b[0] * c[2] - b[2] * c[0]) + a[2] * (b[0] * c[1] - b[1] * c[0])
  );
}

/** Cartesian vector of fractional coordinates. */
export function toCartesian(lattice, [x, y, z]) {
  return [0, 1, 2].map((k) => x * lattice[0][k] + y * lattice[1][k] + z * lattice[2][k]);
}

/** A function that turns Cartesian vectors into fractional ones. */
export function fractionalBy(lattice) {
  const [a, b, c] = lattice, volume = volumeOf(lattice);
  const rows = [cross(b, c), cross(c, a), cross(a, b)];
  return (vector) => rows.map((row) => dot(row, vector) / volume);
}

const cross = (u, v) => [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]];
export const dot = (u, v) => u[0] * v[0] + u[1] * v[1] + u[2] * v[2];

/** {a, b, c, alpha, beta, gamma, volume} of a cell given as 9 numbers, in Å and degrees. */
export function cellParameters(flat) {
  const rows = [flat.slice(0, 3), flat.slice(3, 6), flat.slice(6, 9)];
  const [a, b, c] = rows.map((row) => Math.sqrt(dot(row, row)));
  const angle = (u, v, lengths) => (Math.acos(Math.min(1, Math.max(-1, dot(u, v) / lengths))) * 180) / Math.PI;
  return {
    a, b, c,
    alpha: angle(rows[1], rows[2], b * c),
    beta: angle(rows[0], rows[2], a * c),
    gamma: angle(rows[0], rows[1], a * b),
    volume: Math.abs(volumeOf(rows)),
  };
}
