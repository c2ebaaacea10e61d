// The cell as a drawing that turns with pointer or arrow keys, its atoms coloured by orbit.

import { toCartesian } from "./crystal.js";

const MOST_ATOMS = 600;
const COLOURS = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#b8a800", "#8c8c8c"]; // Okabe and Ito's, the last two darker
const TURN = 0.12; // radians for a key
const EDGE = 1e-3; // atoms this close to a face of the cell are drawn on the opposite face too
const SIZE = 200, MARGIN = 16;
const CORNERS = [0, 1, 2, 3, 4, 5, 6, 7].map((k) => [k & 1, (k >> 1) & 1, (k >> 2) & 1]);
const EDGES = CORNERS.flatMap((u, i) => CORNERS.map((v, j) => [i, j]).filter(([a, b]) => a < b && distance(u, CORNERS[b]) === 1));

function distance(u, v) {
  return u.reduce((sum, x, k) => sum + Math.abs(x - v[k]), 0);
}

export const colourOf = (orbit) => COLOURS[orbit % COLOURS.length];

/** An SVG of a cell; null for one with too many atoms. cell: {lattice: three rows, sites: [{place, orbit}], names: of orbits}. */
export function drawCell({ lattice, sites, names }) {
  const atoms = sites.flatMap((site) => images(site.place).map((place) => ({ ...site, place })));
  if (atoms.length > MOST_ATOMS) return null;
  const label = `The cell with ${sites.length} ${sites.length === 1 ? "atom" : "atoms"}, coloured by orbit. Use the arrow keys to rotate it.`;
  const svg = element("svg", { viewBox: `0 0 ${SIZE} ${SIZE}`, role: "img", "aria-label": label, tabindex: 0, class: "pg-cell" });
  const view = { turn: 0.42, tilt: 0.24 };
  const draw = () => svg.replaceChildren(...shapes(lattice, atoms, names, view));
  listen(svg, view, draw);
  draw();
  return svg;
}

/** A place within the cell, and its copies on opposite faces. */
function images(place) {
  const within = place.map((x) => (x - Math.floor(x) > 1 - EDGE ? 0 : x - Math.floor(x)));
  return within.reduce((found, x, k) => (x < EDGE ? [...found, ...found.map((one) => one.map((y, i) => (i === k ? y + 1 : y)))] : found), [within]);
}

function listen(svg, view, draw) {
  const steps = { ArrowLeft: [-TURN, 0], ArrowRight: [TURN, 0], ArrowUp: [0, TURN], ArrowDown: [0, -TURN] };
  const move = (turn, tilt) => {
    view.turn += turn;
    view.tilt = Math.max(-1.5, Math.min(1.5, view.tilt + tilt));
    draw();
  };
  svg.addEventListener("keydown", (event) => {
    if (!steps[event.key]) return;
    event.preventDefault();
    move(...steps[event.key]);
  });
  svg.addEventListener("pointerdown", (event) => svg.setPointerCapture(event.pointerId));
  svg.addEventListener("pointermove", (event) => { if (event.buttons) move(event.movementX / 80, event.movementY / 80); });
}

/** Edges of the cell, then atoms from back to front. */
function shapes(lattice, atoms, names, { turn, tilt }) {
  const centre = toCartesian(lattice, [0.5, 0.5, 0.5]), corners = CORNERS.map((corner) => toCartesian(lattice, corner));
  const reach = Math.max(...corners.map((corner) => Math.hypot(...corner.map((x, k) => x - centre[k]))));
  const scale = (SIZE / 2 - MARGIN) / reach, radius = Math.max(3, Math.min(12, 0.55 * scale, 60 / Math.cbrt(atoms.length)));
  const project = (point) => seen(point.map((x, k) => x - centre[k]), turn, tilt, scale);
  const ends = corners.map(project);
  const lines = EDGES.map(([i, j]) => element("line", { x1: ends[i].x, y1: ends[i].y, x2: ends[j].x, y2: ends[j].y }));
  const placed = atoms.map((atom) => ({ ...atom, ...project(toCartesian(lattice, atom.place)) })).sort((a, b) => a.depth - b.depth);
  const circles = placed.map(({ x, y, orbit }) => {
    const circle = element("circle", { cx: x, cy: y, r: radius.toFixed(1), fill: colourOf(orbit) });
    circle.append(Object.assign(element("title", {}), { textContent: names[orbit] }));
    return circle;
  });
  return [...lines, ...circles];
}

/** Where a point is on the drawing, and how near, after a turn about the vertical axis z and a tilt. */
function seen([x, y, z], turn, tilt, scale) {
  const right = x * Math.cos(turn) + y * Math.sin(turn), away = y * Math.cos(turn) - x * Math.sin(turn);
  const up = z * Math.cos(tilt) + away * Math.sin(tilt), depth = z * Math.sin(tilt) - away * Math.cos(tilt);
  return { x: (SIZE / 2 + right * scale).toFixed(1), y: (SIZE / 2 - up * scale).toFixed(1), depth };
}

function element(name, attributes) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}
