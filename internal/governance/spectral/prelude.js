// What scripts of rulesets find beside the language: limits on what the language
// lets run or grow without end.
(function (host) {
  "use strict";
  const most = 5000000;
  const tooLong = (n) => {
    if (n > most) throw new RangeError("longer than " + most);
  };
  const wrap = (object, name, check) => {
    const original = object[name];
    if (typeof original !== "function") return;
    const wrapped = { [name](...list) { check(this, list); return call(original, this, list); } }[name];
    Object.defineProperty(object, name, { value: wrapped, writable: true, configurable: true, enumerable: false });
  };
  const call = Reflect.apply;
  const lengthOf = (v) => (v === null || v === undefined ? 0 : +v.length || 0);

  for (const name of Object.getOwnPropertyNames(Array.prototype)) {
    if (name !== "constructor") wrap(Array.prototype, name, (self) => tooLong(lengthOf(self)));
  }
  wrap(Array, "from", (self, list) => tooLong(lengthOf(list[0])));
  wrap(String.prototype, "repeat", (self, list) => tooLong(String(self).length * (+list[0] || 0)));
  wrap(String.prototype, "padStart", (self, list) => tooLong(+list[0] || 0));
  wrap(String.prototype, "padEnd", (self, list) => tooLong(+list[0] || 0));
  wrap(Reflect, "apply", (self, list) => tooLong(lengthOf(list[2])));
  wrap(Reflect, "construct", (self, list) => tooLong(lengthOf(list[1])));
  const apply = Function.prototype.apply;
  Object.defineProperty(Function.prototype, "apply", {
    value: { apply(self, list) { tooLong(lengthOf(list)); return call(this, self, list === null || list === undefined ? [] : list); } }.apply,
    writable: true, configurable: true, enumerable: false,
  });
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
  const flat = Array.prototype.flat;
  if (flat) Array.prototype.flat = { flat(depth) { return call(flat, this, [depth === undefined ? 1 : Math.min(100, +depth || 0)]); } }.flat;
  const parse = JSON.parse, stringify = JSON.stringify;
  const shallow = (v, depth) => {
    if (v === null || typeof v !== "object") return;
    if (depth > 300) throw new RangeError("nested deeper than 300");
    for (const key in v) shallow(v[key], depth + 1);
  };
  JSON.parse = (text, reviver) => { tooLong(String(text).length * 5); return parse(text, reviver); };
  JSON.stringify = (v, replacer, space) => { shallow(v, 0); return stringify(v, replacer, space); };

  // Expressions that backtrack run on an engine that can be stopped.
  const exec = RegExp.prototype.exec;
  RegExp.prototype.exec = {
    exec(text) {
      return host.slow(this.source, this.flags) ? host.exec(this, String(text)) : call(exec, this, [text]);
    },
  }.exec;
  RegExp.prototype.test = { test(text) { return this.exec(text) !== null; } }.test;

  const silent = () => undefined;
  globalThis.console = { log: silent, info: silent, warn: silent, error: silent, debug: silent, trace: silent };
});
