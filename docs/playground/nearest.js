// The known names most like a misspelt one, as Python's difflib chooses them, so that hints are those of the command line.

/** At most `count` of the known names with a likeness of at least `cutoff`, best first. */
export function nearest(word, known, count = 1, cutoff = 0.6) {
  const scored = known.map((name) => [likeness(name, word), name]).filter(([score]) => score >= cutoff);
  scored.sort((a, b) => b[0] - a[0] || (a[1] < b[1] ? 1 : -1));
  return scored.slice(0, count).map(([, name]) => name);
}

/** Twice the characters in common blocks, over all characters (Ratcliff and Obershelp). */
function likeness(a, b) {
  return a.length + b.length ? (2 * matched(a, b)) / (a.length + b.length) : 1;
}

function matched(a, b) {
  const { i, j, size } = longestBlock(a, b);
  if (!size) return 0;
  return size + matched(a.slice(0, i), b.slice(0, j)) + matched(a.slice(i + size), b.slice(j + size));
}

/** The longest common block; of several, the first in a, then the first in b. */
function longestBlock(a, b) {
  let best = { i: 0, j: 0, size: 0 }, before = [];
  for (let i = 0; i < a.length; i++) {
    const row = [];
    for (let j = 0; j < b.length; j++) {
      if (a[i] !== b[j]) continue;
      row[j] = (before[j - 1] ?? 0) + 1;
      if (row[j] > best.size) best = { i: i - row[j] + 1, j: j - row[j] + 1, size: row[j] };
    }
    before = row;
  }
  return best;
}
