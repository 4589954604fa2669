package detecttest

import (
	"fmt"
	"strings"
)

// Workloads yields the four requests that costs are quoted for, by name: get
// (978 bytes in all: three query parameters, the headers of a browser and an
// API client, two cookies), form (a body of 304 bytes, 10 fields), json1k (a
// body of 1,024 bytes, 24 leaves) and json20k (a body of 20,553 bytes, 631
// leaves, 630 of them in an array of 126 objects).
func Workloads() []Case {
	return []Case{
		{Name: "get", Type: "get", Encoding: plain, Place: "query", Protocol: protoREST, Raw: workloadGet()},
		{Name: "form", Type: "form", Encoding: plain, Place: "form", Protocol: protoForm, Raw: workloadPost("application/x-www-form-urlencoded", workloadForm())},
		{Name: "json1k", Type: "json", Encoding: plain, Place: "json", Protocol: protoREST, Raw: workloadPost("application/json", workloadJSON1k())},
		{Name: "json20k", Type: "json", Encoding: plain, Place: "json", Protocol: protoREST, Raw: workloadPost("application/json", workloadJSON20k())},
	}
}

// fill replaces the mark in a text by prose, so that the whole has n bytes.
func fill(text string, n int) string {
	const prose = "Please leave the parcel with the neighbours on the second floor when nobody opens and send a short message afterwards because the bell has been out of order since spring "
	missing := n - len(text) + len("@@")
	return strings.Replace(text, "@@", strings.TrimSuffix(strings.Repeat(prose, 1+missing/len(prose))[:missing-1]+".", " "), 1)
}

func workloadGet() []byte {
	text := "GET /api/v1/orders?limit=50&sort=desc&customer=4711 HTTP/1.1\r\n" +
		"Host: api.example.com\r\n" +
		"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36\r\n" +
		"Accept: application/json, text/plain, */*\r\n" +
		"Accept-Encoding: gzip, deflate, br\r\n" +
		"Accept-Language: en-GB,en;q=0.9\r\n" +
		"Referer: https://app.example.com/orders?page=2\r\n" +
		"Sec-Fetch-Mode: cors\r\n" +
		"client_id: 5f0a3c1e9b7d4826\r\n" +
		"X-Correlation-ID: 7b0e1c6e-5b1f-4c8e-9d8e-0f7f3f2b1a10\r\n" +
		"Authorization: Bearer eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJiZW5jaCIsImNsaWVudF9pZCI6IjVmMGEzYzFlOWI3ZDQ4MjYifQ.@@\r\n" +
		"Cookie: session=2f9a7c41d0be4c55; _ga=GA1.2.123456789.1690000000\r\n\r\n"
	signature := strings.Repeat("k3Vn-8QzT0bYx_5LrWc1HsDfJ7uEa9Mg", 20)
	return []byte(strings.Replace(text, "@@", signature[:978-len(text)+len("@@")], 1))
}

func workloadForm() string {
	return fill("firstName=Ann&lastName=O%27Neill&email=ann.oneill%40example.com&phone=%2B49+30+123456&street=Mill+Lane+7&city=Galway&country=IE&newsletter=on&csrf=7b0e1c6e5b1f4c8e&message=@@", 304)
}

func workloadJSON1k() string {
	return fill(`{"id":"3f2504e0-4f89-41d3-9a0c-0305e82c3301","created":"2026-11-22T03:00:00Z","currency":"EUR","total":123.45,"paid":false,`+
		`"customer":{"id":4711,"name":"Ann O'Neill","email":"ann.oneill@example.com","address":{"street":"12 St. John's Road","city":"Galway","zip":"H91 ABC1","country":"IE"}},`+
		`"items":[{"sku":"A-1","title":"Oak table, 5 ft","qty":1,"price":99.99},{"sku":"B-22","title":"Chair, black & white","qty":2,"price":11.73}],`+
		`"shipping":{"method":"express","window":"08:00-12:00"},"note":"@@","tags":["new"]}`, 1024)
}

func workloadJSON20k() string {
	titles := []string{"Oak table", "Desk lamp", "Kettle, 1.7 l", "Bicycle bell", "Picture frame", "Garden hose", "Wool blanket"}
	places := []string{"Galway, aisle 4", "Porto, ramp B", "Malmö, shelf 12", "Lyon, basement", "Gdynia, hall 3"}
	var b strings.Builder
	b.WriteString(`{"items":[`)
	for i := range 126 {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"sku":"%c-%05d","title":"%s, series %d","quantity":%d,"price":%d.%02d,"location":"%s; checked on 2026-11-%02d, counted by two people"}`,
			'A'+i%26, i*317, titles[i%len(titles)], i%9+1, i%40, i*7%900, i%100, places[i%len(places)], i%28+1)
	}
	b.WriteString(`],"note":"@@"}`)
	return fill(b.String(), 20553)
}

func workloadPost(contentType, body string) []byte {
	return fmt.Appendf(nil, "POST /api/v1/orders HTTP/1.1\r\nHost: api.example.com\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36\r\n"+
		"Accept: application/json\r\nclient_id: 5f0a3c1e9b7d4826\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", contentType, len(body), body)
}
