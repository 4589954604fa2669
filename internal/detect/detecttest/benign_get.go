package detecttest

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"strings"
)

func listRequest(r *rand.Rand) request {
	var query []string
	for _, p := range []string{
		fmt.Sprintf("limit=%d", 1+r.IntN(200)), fmt.Sprintf("offset=%d", r.IntN(5000)), "sort=" + pick(r, []string{"-created", "name", "price,-rating"}),
		"filter%5Bstatus%5D=" + pick(r, []string{"open", "closed", "in%20progress"}), "from=" + say(r, "date"), "to=" + escapeURL(say(r, "stamp"), ":"),
		"fields=id,customer(name,address(city)),items", "cursor=" + base64.URLEncoding.EncodeToString([]byte(fmt.Sprintf(`{"id":%d,"dir":"next"}`, r.IntN(1<<20)))),
		"near=" + say(r, "geo"), "city=" + escapeURL(say(r, "city"), "'"), "customer=" + strings.ReplaceAll(escapeURL(say(r, "person"), "'"), "%20", "+"),
		"tag=" + escapeURL(say(r, "noun"), ""), "email=" + escapeURL(say(r, "mail"), "@'"), "phone=" + escapeURL(say(r, "phone"), "()"),
	} {
		if r.IntN(3) == 0 {
			query = append(query, p)
		}
	}
	return request{method: "GET", target: resource(r) + "?" + strings.Join(query, "&")}
}

func searchRequest(r *rand.Rand) request {
	q := escapeURL(say(r, "search"), pick(r, []string{"", "'()*!", "':,"}))
	if r.IntN(2) == 0 {
		q = strings.ReplaceAll(q, "%20", "+")
	}
	return request{method: "GET", target: pick(r, prefixes) + "/search?" + pick(r, []string{"q", "query", "term", "text"}) + "=" + q + pick(r, []string{"", "&page=2", "&lang=de", "&facets=brand,price"})}
}

func odataRequest(r *rand.Rand) request {
	target := "/odata/" + pick(r, []string{"Products", "Orders", "Customers", "People(7)/Trips"}) + "?" + pick(r, []string{"$", "%24"}) + "filter=" + escapeURL(say(r, "odata"), "'()/:,")
	if r.IntN(2) == 0 {
		target += fmt.Sprintf("&$top=%d&$orderby=Name%%20desc&$select=Id,Name", 1+r.IntN(90))
	}
	if r.IntN(3) == 0 {
		target += "&$expand=Lines($select=Quantity)&$count=true"
	}
	return request{method: "GET", target: target}
}

func oauthRequest(r *rand.Rand) request {
	switch r.IntN(3) {
	case 0:
		return request{method: "GET", target: "/oauth/authorize?response_type=code&client_id=" + say(r, "hex") + "&state=" + say(r, "hex") +
			"&redirect_uri=" + escapeURL(say(r, "url"), "") + "&scope=openid%20profile%20email&code_challenge_method=S256&code_challenge=" + say(r, "hex")}
	case 1:
		return request{method: "GET", target: "/login/callback?code=" + say(r, "hex") + "&state=" + say(r, "uuid") + "&session_state=" + say(r, "hex")}
	}
	return request{method: "GET", target: "/v1/links?url=" + escapeURL(say(r, "url"), pick(r, []string{"", ":/"})) + "&title=" + escapeURL(say(r, "en"), "")}
}

func readRequest(r *rand.Rand) request {
	last := pick(r, []string{
		say(r, "uuid"), fmt.Sprint(r.IntN(1 << 24)), escapeURL(say(r, "mail"), "@"), escapeURL(say(r, "plate"), ""), say(r, "geo"), escapeURL(say(r, "noun"), ""),
		escapeURL(say(r, "file"), ""), escapeURL(say(r, "product"), "'"), escapeURL(say(r, "person"), "'"), say(r, "date"), escapeURL(say(r, "version"), ""),
	})
	return request{method: pick(r, []string{"GET", "GET", "GET", "DELETE", "HEAD"}), target: pick(r, prefixes) + "/" + pick(r, collections) + "/" + last, header: []string{"X-Correlation-ID: " + say(r, "uuid")}}
}

func browserRequest(r *rand.Rand) request {
	return request{method: "GET", target: resource(r) + fmt.Sprintf("?_=%d", r.IntN(1<<40)), header: []string{
		"User-Agent: " + say(r, "useragent"), "Referer: https://app.example.com/search?q=" + escapeURL(say(r, "search"), "'()") + "&tab=all", "Origin: https://app.example.com",
		"Cookie: " + cookies(r), `Sec-CH-UA: "Chromium";v="130", "Not?A_Brand";v="99"`, "Sec-Fetch-Mode: cors", "Sec-Fetch-Site: same-site",
	}}
}

func preflightRequest(r *rand.Rand) request {
	return request{method: "OPTIONS", target: resource(r) + "/" + say(r, "uuid"), header: []string{
		"Origin: https://" + pick(r, []string{"app", "shop", "admin"}) + ".example.com", "Access-Control-Request-Method: " + pick(r, []string{"PUT", "PATCH", "POST"}), "Access-Control-Request-Headers: content-type,authorization",
	}}
}

func contactForm(r *rand.Rand) request {
	escape := func(s string) string { return strings.ReplaceAll(escapeURL(s, "*"), "%20", "+") }
	fields := []string{"name=" + escape(say(r, "person")), "email=" + escape(say(r, "mail")), "message=" + escape(field(r)), "phone=" + escape(say(r, "phone")), "street=" + escape(say(r, "street")), "city=" + escape(say(r, "city")), "subject=" + escape(say(r, "search")), "newsletter=on", "csrf_token=" + say(r, "uuid")}
	r.Shuffle(len(fields), func(i, j int) { fields[i], fields[j] = fields[j], fields[i] })
	return request{method: "POST", target: pick(r, []string{"/v1/contact", "/register", "/api/profile", "/checkout"}), contentType: "application/x-www-form-urlencoded", body: []byte(strings.Join(fields[:2+r.IntN(7)], "&"))}
}

func tokenForm(r *rand.Rand) request {
	body := "grant_type=" + pick(r, []string{
		"authorization_code&code=" + say(r, "hex") + "&redirect_uri=" + escapeURL(say(r, "url"), "") + "&code_verifier=" + say(r, "hex") + say(r, "hex"),
		"refresh_token&refresh_token=" + say(r, "hex") + "." + say(r, "hex"),
		"client_credentials&scope=orders.read+orders.write&client_id=" + say(r, "uuid") + "&client_secret=" + escapeURL(say(r, "password"), ""),
		"password&username=" + escapeURL(say(r, "mail"), "") + "&password=" + escapeURL(say(r, "password"), ""),
		"urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=" + jwt(quote(say(r, "mail")), r),
	})
	return request{method: "POST", target: "/oauth/token", contentType: "application/x-www-form-urlencoded", body: []byte(body)}
}
