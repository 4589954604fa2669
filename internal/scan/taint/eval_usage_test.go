package taint

// usageCases are as baseCases: conditions, sanitisers of other kinds, and scripts as
// people write them.
var usageCases = []transferCase{
	{"conditions", SQL, `
+ if (payload.a == "x") payload.b else ""
+ if (payload.a != "x") payload.a else "y"
+ if (payload.a matches /.*/) payload.a else ""
+ if (payload.a matches /[a-z]+/) "" else payload.a
+ if (payload.a contains "'") payload.a else ""
+ if (["a", "b"] contains payload.a) payload.b else "a"
+ if (!(["a", "b"] contains payload.a)) payload.a else "a"
+ if (["a", payload.c] contains payload.a) payload.a else "a"
+ if (payload.a == "x" or payload.b == "y") payload.a else "a"
+ if (isEmpty(payload.a)) "x" else payload.a
+ if (payload.a is String) payload.a else "1"
+ payload.a match { case "x" -> 1 else -> $ }
+ payload.a match { case x if (x != "a") -> x else -> "b" }
+ payload.a match { case is String -> $ else -> "b" }
+ payload match { case x -> x.a }
+ payload update { case .a -> payload.b }
+ payload update { case n at .name -> upper(n) }
+ {a: payload.x, b: 1} update { case .b -> 2 }
+ if (startsWith(payload.a, "x")) payload.a else ""
+ if (sizeOf(payload.a) < 10) payload.a else ""
+ payload.a match { case m matches /(.*)x/ -> m[1] else -> "" }
- if (payload.a == "x") "y" else "z"
- if (payload.a == "x") payload.a else "y"
- if ("x" == payload.a) payload.a else "y"
- if (payload.a != "x") "y" else payload.a
- if (payload.a matches /[a-z]+/) payload.a else ""
- if (payload.a matches /^\d{1,5}$/) payload.a else ""
- if (not (payload.a matches /\w+/)) "" else payload.a
- if (payload.a contains "'") "" else payload.a
- if (payload.a contains /['"]/) "" else payload.a
- if (["a", "b"] contains payload.a) payload.a else "a"
- if (vars.list contains payload.a) payload.a else "a"
- if (payload.a == "x" or payload.a == "y") payload.a else "a"
- if (payload.a == "x" and payload.b == "y") payload.a ++ payload.b else "a"
- if (lower(payload.a) == "asc") payload.a else "desc"
- if (payload.a is Number) payload.a else "1"
- payload.a match { case "x" -> 1 else -> 2 }
- payload.a match { case "asc" -> $ case "desc" -> $ else -> "asc" }
- payload.a match { case is Number -> $ else -> 0 }
- payload.a match { case x if (x matches /\d+/) -> x else -> "b" }
- payload.a match { case m matches /([a-z]*)x/ -> m[1] else -> "" }
- ({a: payload.x, b: 1} update { case .a -> "k" }).a
- {a: 1} update { case .b -> 2 }
- var ok = payload.a matches /[a-z]+/⏎---⏎if (ok) payload.a else ""
- import isGood from modules::queries⏎---⏎if (isGood(payload.a)) payload.a else ""
- fun ok(x) = ["a", "b"] contains x⏎---⏎if (ok(payload.a)) payload.a else "a"
- var x = payload.a⏎---⏎if (["a"] some ($ == x)) x else "a"
`},
	{"scripts", SQL, `
+ var c = [("name = '" ++ payload.n ++ "'") if (payload.n?)]⏎---⏎"SELECT a" ++ (if (sizeOf(c) > 0) " WHERE " ++ (c joinBy " AND ") else "")
+ "SELECT Id FROM A WHERE " ++ (attributes.queryParams pluck ((v, k) -> (k as String) ++ " = '" ++ v ++ "'") joinBy " AND ")
+ "SELECT a FROM t WHERE id IN (" ++ (payload.ids map ("'" ++ $ ++ "'") joinBy ",") ++ ")"
+ "SELECT a FROM t LIMIT $(attributes.queryParams.limit default 10)"
+ fun w(o) = o pluck ((v, k) -> "$(k) = '$(v)'") joinBy " AND "⏎fun w(o: Null) = ""⏎---⏎"DELETE FROM x WHERE " ++ w(payload)
+ {query: "SELECT a FROM t WHERE a = '" ++ payload.a ++ "'"}.query
+ fun escape(s) = s replace "a" with "b"⏎---⏎"SELECT Id FROM A WHERE Name = '$(escape(payload.name))'"
+ var allowed = ["a", payload.extra]⏎---⏎"ORDER BY " ++ (if (allowed contains payload.s) payload.s else "a")
- var c = [("n = " ++ (payload.n as Number)) if (payload.n?)]⏎---⏎"SELECT a" ++ (if (sizeOf(c) > 0) " WHERE " ++ (c joinBy " AND ") else "")
- "SELECT a FROM t WHERE id IN (" ++ ((payload.ids map "?") joinBy ",") ++ ")"
- "SELECT a FROM t WHERE id IN (" ++ (payload.ids map ($ as Number) joinBy ",") ++ ")"
- "SELECT a FROM t LIMIT $((attributes.queryParams.limit default 10) as Number)"
- {query: "SELECT a FROM t WHERE a = :a", params: {a: payload.a}}.query
- fun escape(s) = s replace "'" with "\\'"⏎---⏎"SELECT Id FROM A WHERE Name = '$(escape(payload.name))'"
- var allowed = {name: "NAME", date: "CREATED"}⏎---⏎"ORDER BY " ++ (allowed[payload.sort] default "NAME")
- var allowed = ["a", "b"]⏎var s = payload.s default "a"⏎---⏎"ORDER BY " ++ (if (allowed contains s) s else "a")
- import fail from dw::Runtime⏎var c = if (payload.id matches /\d+/) payload.id else fail("bad")⏎---⏎"SELECT a FROM t WHERE id = " ++ c
- type Sort = "asc" | "desc"⏎---⏎"ORDER BY x " ++ (payload.s as Sort)
- (payload.from as Date {format: "yyyy-MM-dd"}) as String {format: "yyyyMMdd"}
`},
	{"scripts of version 1", SQL, `
+ %dw 1.0⏎%output application/java⏎%var q = "a" ++ payload.x⏎---⏎q
+ %dw 1.0⏎%output application/java⏎%function f(x) ("b" ++ x)⏎---⏎f(flowVars.id)
+ %dw 1.0⏎%output application/java⏎---⏎(payload.x when payload.y == "a" otherwise "b")
+ %dw 1.0⏎%output application/java⏎---⏎payload.items map {a: $.b as :string}
+ %dw 1.0⏎%output application/java⏎---⏎using (a = payload.x) {r: a}
- %dw 1.0⏎%output application/java⏎%var q = "a" ++ flowVars.fixed⏎---⏎q
- %dw 1.0⏎%output application/java⏎%function f(x) "b"⏎---⏎f(flowVars.id)
- %dw 1.0⏎%output application/java⏎---⏎(payload.x when payload.x == "a" otherwise "b")
- %dw 1.0⏎%output application/java⏎---⏎payload.items map {a: $.b as :number}
- %dw 1.0⏎%output application/java⏎---⏎payload.name replace /[^a-z]/ with ""
`},
	{"paths", FilePath, `
+ "/data/" ++ payload.name
+ "/data/$(payload.name).csv"
+ payload.name splitBy "."
+ (payload.name splitBy "/") joinBy "/"
+ payload.name replace "a" with ""
+ if (payload.name contains "x") "" else payload.name
+ dw::core::Strings::substringBefore(payload.name, "/")
- (payload.name splitBy "/")[-1]
- "/data/" ++ (payload.name splitBy "/")[-1]
- dw::core::Strings::substringAfterLast(payload.name, "/")
- payload.name replace /[^a-z.]/ with ""
- payload.name replace "/" with "_"
- if (payload.name contains "/") "" else payload.name
- mule.home ++ "/conf/" ++ p('file')
- if (payload.name matches /[\w.]+/) payload.name else "x"
- dw::core::URL::encodeURIComponent(payload.name)
`},
	{"addresses", URLPath, `
+ "/x/" ++ payload.id
+ dw::core::URL::encodeURI(payload.id)
+ import * from dw::core::URL⏎---⏎decodeURIComponent(encodeURIComponent(payload.id))
- import * from dw::core::URL⏎---⏎"/x/" ++ encodeURIComponent(payload.id)
- import encodeURIComponent from dw::core::URL⏎---⏎"/x/$(encodeURIComponent(payload.id))"
- import dw::core::URL⏎---⏎URL::encodeURIComponent(payload.id)
- payload.id as Number
`},
	{"logs", Log, `
+ payload.a
+ "got " ++ payload.a
+ write(payload, "text/plain")
+ payload.a replace /\n/ with ""
- write(payload, "application/json")
- "got " ++ write(payload, "application/json")
- payload.a replace /[\r\n]/ with ""
- payload.a as Number
- dw::core::URL::encodeURIComponent(payload.a)
`},
	{"encodings", SQL, `
+ dw::core::Binaries::fromBase64(payload.a)
+ dw::core::Binaries::fromHex(dw::core::Binaries::toHex(payload.a))
+ dw::core::URL::encodeURIComponent(payload.a)
+ java!com::acme::Tool::run(payload.a)
+ dw::Runtime::try(() -> payload.a).result
+ lookup("other", payload.a)
+ log("x", payload.a)
+ payload.a as Binary
+ dw::util::Values::mask(payload, "b") with "***"
- dw::Crypto::MD5(payload.a as Binary)
- dw::Crypto::hashWith(payload.a as Binary, "SHA-256")
- dw::core::Binaries::toHex(payload.a)
- dw::core::Binaries::toBase64(payload.a)
- dw::util::Coercions::toNumber(payload.a)
- lookup("other", "b")
- log(payload.a, "b")
- java!java::util::UUID::fromString(payload.a)
- readUrl("classpath://a.json", "application/json").x
- dw::System::envVar("A")
- sizeOf(payload.a) + 1
`},
	{"sizes", Size, `
+ payload.limit
+ payload.limit as Number
+ (payload.limit default "10") as Number
+ payload.limit * 2
- min([payload.limit as Number, 100])
- if (payload.limit > 100) 100 else payload.limit
- if (payload.limit <= 100) payload.limit else 100
- sizeOf(payload)
`},
	{"secrets", Output, `
+ p('secure::db.password')
+ "Bearer " ++ p('secure::token')
+ Mule::p('secure::a')
+ dw::core::Binaries::toBase64(p('secure::a'))
+ random()
+ payload as Number
- p('db.user')
- "Bearer " ++ p('token')
- dw::Crypto::MD5(p('secure::a'))
- if (payload.token == p('secure::a')) "yes" else "no"
- 4
`},
}
