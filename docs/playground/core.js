// The C core, compiled to WebAssembly (csrc/wasm), with one method for each of its functions. csrc/include/cloudkit/scope.h is the manual.

const STATUS = ["ok", "invalid", "no space", "not ascii", "no token", "bad cell", "contact", "too hard"];
const ISSUE = 16, SPECIES = 12, CRYSTAL = 24, SYMMETRY = 200; // bytes of its structures; csrc/wasm/runtime.c asserts them
const PAGE = 65536;

/** A call that the core refused; `status` is its name in scope.h, in small letters. */
export class Refused extends Error {
  constructor(status) {
    super(`the core refused the call: ${STATUS[status] ?? status}`);
    this.status = STATUS[status];
  }
}

/** The core, and the memory that calls use one after another: nothing in it outlives a call. */
export class Core {
  /** @param {BufferSource} bytes of scope.wasm */
  static async load(bytes) {
    const { instance } = await WebAssembly.instantiate(bytes);
    return new Core(instance.exports);
  }

  constructor(exports) {
    this.c = exports;
    this.memory = exports.memory;
    this.start = exports.__heap_base.value;
    this.end = this.start;
  }

  /** What is wrong with a text: {group, issues: [{code, offset, length}]}, offsets in bytes. */
  check(text) {
    this.clear();
    const [at, length] = this.putText(text), group = this.take(4);
    const count = this.c.ck_check(at, length, 0, 0, group), issues = this.take(ISSUE * count);
    this.c.ck_check(at, length, issues, count, group);
    const view = this.view();
    const issue = (place) => ({
      code: view.getUint32(place, true),
      length: view.getUint32(place + 4, true),
      offset: Number(view.getBigUint64(place + 8, true)),
    });
    return {
      group: view.getUint32(group, true),
      issues: Array.from({ length: count }, (_, i) => issue(issues + ISSUE * i)),
    };
  }

  /** Ids in the vocabulary "cloud" or "compact", [CLS] and [SEP] included; Refused for a text that has none. */
  encode(text, vocabulary) {
    this.clear();
    const [at, length] = this.putText(text), ids = this.take(2 * (length + 2)), count = this.take(4);
    this.accept(this.c[`ck_encode_${vocabulary}`](at, length, ids, length + 2, count));
    return Array.from(new Uint16Array(this.memory.buffer, ids, this.view().getUint32(count, true)));
  }

  /** The canonical string of a crystal: {text, group}. Refused as in scope.h. */
  encodeStructure(crystal, symprec, budget = 0) {
    this.clear();
    const [given, work, size] = this.putCrystal(crystal);
    const species = this.putSpecies(crystal.species), count = this.take(4), group = this.take(4);
    const room = 80 + crystal.labels.length * Math.max(...crystal.species.map((one) => one.text.length + 8));
    const out = this.take(room);
    this.accept(this.c.ck_encode_structure(given, species, symprec, BigInt(budget), work, size, out, room, count, group));
    const view = this.view();
    return { text: this.text(out, view.getUint32(count, true)), group: view.getUint32(group, true) };
  }

  /** Space group, letters (0 for a), orbits (the first site of each site's orbit), idealized positions and cell of a crystal. */
  findSymmetry(crystal, symprec, budget = 0) {
    this.clear();
    const n = crystal.labels.length, [given, work, size] = this.putCrystal(crystal);
    const found = this.take(SYMMETRY), letters = this.take(n), orbits = this.take(4 * n), ideal = this.take(24 * n);
    this.accept(this.c.ck_find_symmetry(given, symprec, BigInt(budget), work, size, found, letters, orbits, ideal));
    const view = this.view(), buffer = this.memory.buffer;
    return {
      group: view.getUint32(found, true),
      latticePoints: view.getUint32(found + 12, true),
      symprec: view.getFloat64(found + 16, true),
      distance: view.getFloat64(found + 24, true),
      lattice: Array.from(new Float64Array(buffer, found + 128, 9)),
      letters: Array.from(new Uint8Array(buffer, letters, n)),
      orbits: Array.from(new Uint32Array(buffer, orbits, n)),
      ideal: Array.from(new Float64Array(buffer, ideal, 3 * n)),
    };
  }

  /** Canonical letters and order of orbits, which come sorted by (letter, content): {letters, order}. */
  canonical(group, letters, contents) {
    this.clear();
    const n = letters.length, given = this.put(Uint8Array, letters), ranks = this.put(Uint32Array, contents);
    const renamed = this.take(n), order = this.take(4 * n);
    this.accept(this.c.ck_canonical(group, given, ranks, n, renamed, order));
    const buffer = this.memory.buffer;
    return { letters: Array.from(new Uint8Array(buffer, renamed, n)), order: Array.from(new Uint32Array(buffer, order, n)) };
  }

  accept(status) {
    if (status !== 0) throw new Refused(status);
  }

  clear() {
    this.end = this.start;
  }

  /** A place for so many bytes; memory grows where it must, so views are made after the last call of this. */
  take(bytes) {
    const at = (this.end + 7) & ~7;
    this.end = at + bytes;
    const missing = this.end - this.memory.buffer.byteLength;
    if (missing > 0) this.memory.grow(Math.ceil(missing / PAGE));
    return at;
  }

  put(type, values) {
    const at = this.take(type.BYTES_PER_ELEMENT * values.length);
    new type(this.memory.buffer, at, values.length).set(values);
    return at;
  }

  putText(text) {
    const bytes = new TextEncoder().encode(text);
    return [this.put(Uint8Array, bytes), bytes.length];
  }

  /** A ck_crystal and its work memory: [place, place of the memory, its size]. */
  putCrystal(crystal) {
    const lattice = this.put(Float64Array, crystal.lattice), positions = this.put(Float64Array, crystal.positions);
    const labels = this.put(Int32Array, crystal.labels);
    const occupancies = this.put(Float64Array, crystal.species.map((one) => one.occupancy));
    const fields = [lattice, positions, labels, crystal.labels.length, occupancies, crystal.species.length];
    const at = this.put(Uint32Array, fields), size = this.c.ck_work_size(crystal.labels.length);
    if (fields.length * 4 !== CRYSTAL) throw new Error("ck_crystal has another layout");
    return [at, this.take(size), size];
  }

  putSpecies(species) {
    const texts = species.map((one) => this.putText(one.text));
    const at = this.put(Uint32Array, species.flatMap((one, i) => [...texts[i], one.rank]));
    if (this.end - at !== SPECIES * species.length) throw new Error("ck_species has another layout");
    return at;
  }

  view() {
    return new DataView(this.memory.buffer);
  }

  text(at, length) {
    return new TextDecoder().decode(new Uint8Array(this.memory.buffer, at, length));
  }
}
