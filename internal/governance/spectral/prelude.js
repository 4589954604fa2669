// What scripts of rulesets find beside the language: limits on what the language
// lets run or grow without end.
(function (host) {
  "use strict";
  const most = 5000000;
  const tooLong = (n) => {
    if (!(n <= most)) throw new RangeError("longer than " + most);
  };
  // What scripts may replace is kept here.
  const call = Reflect.apply, text = String, isArray = Array.isArray;
  const own = Object.getOwnPropertyDescriptor, above = Object.getPrototypeOf;
  const { indexOf, slice } = String.prototype;

  const define = (object, name, value) =>
    Object.defineProperty(object, name, { value, writable: true, configurable: true, enumerable: false });
  const wrap = (object, name, check) => {
    const original = object[name];
    if (typeof original !== "function") return;
    define(object, name, { [name](...list) { check(this, list); return call(original, this, list); } }[name]);
  };
  // The length that a function of the language goes by. It must not change between
  // being looked at here and there, as that of a getter could.
  const lengthOf = (v) => {
    if (typeof v === "string" || isArray(v)) return v.length;
    if (typeof v !== "object" && typeof v !== "function") return 0;
    for (let o = v; o !== null; o = above(o)) {
      const d = own(o, "length");
      if (d === undefined) continue;
      if (typeof d.value !== "number") throw new TypeError("a length must be a number");
      return d.value;
    }
    return 0;
  };

  for (const name of Object.getOwnPropertyNames(Array.prototype)) {
    if (name !== "constructor") wrap(Array.prototype, name, (self) => tooLong(lengthOf(self)));
  }
  wrap(Array.prototype, "concat", (self, list) => {
    let n = 0;
    for (let i = 0; i < list.length; i++) tooLong(n += typeof list[i] === "string" ? 1 : lengthOf(list[i]));
  });
  wrap(Array, "from", (self, list) => tooLong(lengthOf(list[0])));
  wrap(Reflect, "apply", (self, list) => tooLong(lengthOf(list[2])));
  wrap(Reflect, "construct", (self, list) => tooLong(lengthOf(list[1])));
  const apply = { apply(self, list) { tooLong(lengthOf(list)); return call(this, self, list === null || list === undefined ? [] : list); } };
  define(Function.prototype, "apply", apply.apply);

  // Functions that make something longer of what they are given are written anew,
  // so that they can be stopped and know what they have made.
  const nativeJoin = Array.prototype.join;
  const together = (list, by) => {
    const n = lengthOf(list), parts = [];
    tooLong(n);
    for (let i = 0, size = 0; i < n; i++) {
      const part = list[i] === null || list[i] === undefined ? "" : text(list[i]);
      tooLong(size += part.length + (i > 0 ? by.length : 0));
      parts[i] = part;
    }
    return call(nativeJoin, parts, [by]);
  };
  const flatten = (out, list, depth) => {
    const n = lengthOf(list);
    tooLong(n);
    for (let i = 0; i < n; i++) {
      if (!(i in list)) continue;
      const item = list[i];
      if (depth > 0 && isArray(item)) flatten(out, item, depth - 1);
      else if (out.length < most) out[out.length] = item;
      else tooLong(most + 1);
    }
    return out;
  };
  const lists = {
    join(by) { return together(this, by === undefined ? "," : text(by)); },
    toString() { return together(this, ","); },
    toLocaleString() { return together(this, ","); },
    flat(depth) { return flatten([], this, depth === undefined ? 1 : Math.min(100, +depth || 0)); },
    flatMap(f, self) {
      const n = lengthOf(this), out = [];
      tooLong(n);
      for (let i = 0; i < n; i++) if (i in this) flatten(out, [call(f, self, [this[i], i, this])], 1);
      return out;
    },
  };
  for (const name of Object.keys(lists)) define(Array.prototype, name, lists[name]);

  for (const name of Object.getOwnPropertyNames(String.prototype)) {
    if (name === "constructor" || name === "toString" || name === "valueOf") continue;
    wrap(String.prototype, name, (self) => tooLong(lengthOf(self)));
  }
  const { repeat, padStart, padEnd, replace, replaceAll } = String.prototype;
  const pad = (original, self, length, list) => {
    const n = +length || 0;
    tooLong(n);
    return call(original, text(self), list.length > 0 ? [n, text(list[0])] : [n]);
  };
  // The text that a replacement with "$" stands for (GetSubstitution of ECMA 262).
  const substitute = (by, m) => {
    const at = typeof m[m.length - 1] === "string" ? m.length - 1 : m.length - 2;
    const named = m[at + 1], parts = [];
    let from = 0;
    for (let i = call(indexOf, by, ["$"]); i >= 0; i = call(indexOf, by, ["$", from])) {
      const c = by[i + 1];
      let value, size = 2;
      if (c === "$") value = "$";
      else if (c === "&") value = m[0];
      else if (c === "`") value = call(slice, m[at], [0, m[at - 1]]);
      else if (c === "'") value = call(slice, m[at], [m[at - 1] + m[0].length]);
      else if (c === "<" && named !== undefined && call(indexOf, by, [">", i]) > 0) {
        size = call(indexOf, by, [">", i]) - i + 1;
        value = named[call(slice, by, [i + 2, i + size - 1])];
        value = value === undefined ? "" : text(value);
      } else if (c >= "0" && c <= "9") {
        let n = +c;
        const two = by[i + 2] >= "0" && by[i + 2] <= "9" ? 10 * n + +by[i + 2] : 0;
        if (two > 0 && two <= at - 2) { n = two; size = 3; }
        if (n > 0 && n <= at - 2) value = m[n] === undefined ? "" : m[n];
      }
      if (value === undefined) { value = "$"; size = 1; }
      parts[parts.length] = call(slice, by, [from, i]);
      parts[parts.length] = value;
      from = i + size;
    }
    parts[parts.length] = call(slice, by, [from]);
    return together(parts, "");
  };
  // A replacement that counts what it puts in.
  const counting = (by) => {
    const made = typeof by === "function" ? (m) => text(call(by, undefined, m))
      : ((fixed) => call(indexOf, fixed, ["$"]) < 0 ? () => fixed : (m) => substitute(fixed, m))(text(by));
    let n = 0;
    return (...m) => { const out = made(m); tooLong(n += out.length); return out; };
  };
  const texts = {
    repeat(n) { const s = text(this), k = +n; tooLong(k > 0 ? s.length * k : 0); return call(repeat, s, [k]); },
    padStart(n, ...by) { return pad(padStart, this, n, by); },
    padEnd(n, ...by) { return pad(padEnd, this, n, by); },
    concat(...list) {
      const parts = [text(this)];
      for (let i = 0; i < list.length; i++) parts[i + 1] = text(list[i]);
      return together(parts, "");
    },
    replace(what, by) { return call(replace, this, [what, counting(by)]); },
    replaceAll(what, by) { return call(replaceAll, this, [what, counting(by)]); },
  };
  for (const name of Object.keys(texts)) define(String.prototype, name, texts[name]);
  define(String, "raw", { raw(strings, ...values) {
    const all = strings.raw, n = lengthOf(all), parts = [];
    tooLong(2 * n);
    for (let i = 0; i < n; i++) {
      parts[parts.length] = text(all[i]);
      if (i + 1 < n && i < values.length) parts[parts.length] = text(values[i]);
    }
    return together(parts, "");
  } }.raw);
  // Numbers of any length are made by operators, which can't be stopped.
  delete globalThis.BigInt;
  for (const name of ["ArrayBuffer", "SharedArrayBuffer", "DataView", "Atomics", "WeakRef", "FinalizationRegistry",
    "Int8Array", "Uint8Array", "Uint8ClampedArray", "Int16Array", "Uint16Array", "Int32Array", "Uint32Array",
    "Float32Array", "Float64Array", "BigInt64Array", "BigUint64Array"]) {
    delete globalThis[name];
  }

  // Nothing is compiled that wasn't in a file, and nothing nests so deep that
  // reading it would need a deep stack.
  const refuse = () => { throw new EvalError("scripts can't be made of texts here"); };
  globalThis.eval = refuse;
  for (const make of [function () {}, function* () {}, async function () {}]) {
    Object.defineProperty(Object.getPrototypeOf(make), "constructor", { value: refuse, writable: false, configurable: false });
  }
  globalThis.Function = refuse;
  delete globalThis.Proxy;
  const parse = JSON.parse, stringify = JSON.stringify;
  const weigh = (v, depth, indent, sum) => {
    if (depth > 300) throw new RangeError("nested deeper than 300");
    if (v !== null && v !== undefined && typeof v.toJSON === "function") v = v.toJSON("");
    tooLong(sum.n += 1 + depth * indent + (typeof v === "string" || v instanceof String ? v.length : 0));
    if (v === null || typeof v !== "object") return;
    for (const key in v) { sum.n += key.length; weigh(v[key], depth + 1, indent, sum); }
  };
  JSON.parse = (source, reviver) => { const s = text(source); tooLong(s.length * 5); return parse(s, reviver); };
  JSON.stringify = (v, replacer, space) => {
    weigh(v, 0, space === undefined || space === null ? 0 : 10, { n: 0 });
    return stringify(v, replacer, space);
  };

  // Expressions that backtrack run on an engine that can be stopped.
  const exec = RegExp.prototype.exec, sourceOf = own(RegExp.prototype, "source").get;
  RegExp.prototype.exec = {
    exec(of) {
      const s = text(of);
      tooLong(s.length);
      return host.slow(call(sourceOf, this, []), this.flags) ? host.exec(this, s) : call(exec, this, [s]);
    },
  }.exec;
  RegExp.prototype.test = { test(text) { return this.exec(text) !== null; } }.test;
  for (const name of [Symbol.match, Symbol.matchAll, Symbol.search, Symbol.split, Symbol.replace]) {
    const original = RegExp.prototype[name];
    define(RegExp.prototype, name, function (of, more) {
      const s = text(of);
      tooLong(s.length);
      return call(original, this, name === Symbol.replace ? [s, counting(more)] : [s, more]);
    });
  }

  const silent = () => undefined;
  globalThis.console = { log: silent, info: silent, warn: silent, error: silent, debug: silent, trace: silent };
});
