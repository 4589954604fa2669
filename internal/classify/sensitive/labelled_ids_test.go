package sensitive_test

import (
	"fmt"
	"strconv"
	"strings"
)

// The numbers by which states know people, each with its check digits, written
// from the rules of the issuers and apart from the code under test.

func weighted(n string, weights ...int) int {
	sum := 0
	for i, w := range weights {
		sum += int(n[i]-'0') * w
	}
	return sum
}

func ssn(d dice) string {
	return fmt.Sprintf("%03d-%02d-%04d", 1+d.IntN(665), 1+d.IntN(99), 1+d.IntN(9999))
}

func nino(d dice) string {
	p := d.one("AB", "CE", "HK", "JM", "LR", "PS", "SY", "WX", "YZ")
	return p + d.like(d.one("######", " ## ## ## ")) + d.one("A", "B", "C", "D")
}

func steuerID(d dice) string {
	for {
		n := d.like("*#########")
		product := 10
		for _, c := range n {
			s := (int(c-'0') + product) % 10
			if s == 0 {
				s = 10
			}
			product = s * 2 % 11
		}
		seen := map[rune]int{}
		for _, c := range n {
			seen[c]++
		}
		most := 0
		for _, v := range seen {
			most = max(most, v)
		}
		if most == 2 && len(seen) == 9 {
			return n + strconv.Itoa((11-product)%10)
		}
	}
}

func personalausweis(d dice) string {
	n := d.one("L", "M", "N", "P", "R", "T", "V", "W", "X", "Y") + d.from("0123456789CFGHJKLMNPRTVWXYZ", 8)
	sum := 0
	for i := range 9 {
		v := int(n[i] - '0')
		if n[i] >= 'A' {
			v = int(n[i]-'A') + 10
		}
		sum += v * []int{7, 3, 1}[i%3]
	}
	return n + strconv.Itoa(sum%10)
}

func nir(d dice) string {
	n := d.one("1", "2") + d.like("##") + fmt.Sprintf("%02d", 1+d.IntN(12)) + fmt.Sprintf("%02d", 1+d.IntN(95)) + d.like("######")
	v, _ := strconv.ParseInt(n, 10, 64)
	key := fmt.Sprintf("%02d", 97-v%97)
	if d.IntN(2) == 0 {
		return n + key
	}
	return n[:1] + " " + n[1:3] + " " + n[3:5] + " " + n[5:7] + " " + n[7:10] + " " + n[10:] + " " + key
}

func dni(d dice) string {
	const letters = "TRWAGMYFPDXBNJZSQVHLCKE"
	if d.IntN(3) == 0 {
		v := d.IntN(10000000)
		first := d.IntN(3)
		return fmt.Sprintf("%c%07d%c", "XYZ"[first], v, letters[(first*10000000+v)%23])
	}
	v := d.IntN(100000000)
	return fmt.Sprintf("%08d%s%c", v, d.one("", "", "-"), letters[v%23])
}

func codiceFiscale(d dice) string {
	n := d.from("BCDFGLMNPRSTVZ", 6) + d.like("##") + d.one("A", "B", "C", "D", "E", "H", "L", "M", "P", "R", "S", "T") + fmt.Sprintf("%02d", 1+d.IntN(28)+40*d.IntN(2)) + d.one("A", "F", "H", "L") + d.like("###")
	odd := []int{1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23}
	sum := 0
	for i := range 15 {
		v := int(n[i] - '0')
		if n[i] >= 'A' {
			v = int(n[i] - 'A')
		}
		if i%2 == 0 {
			v = odd[v]
		}
		sum += v
	}
	return n + string(rune('A'+sum%26))
}

func bsn(d dice) string {
	for {
		n := d.like("*########")
		if (weighted(n, 9, 8, 7, 6, 5, 4, 3, 2)-int(n[8]-'0'))%11 == 0 {
			return n
		}
	}
}

func rijksregister(d dice) string {
	n := d.day(1940, 1999).Format("060102") + d.like("##*")
	v, _ := strconv.Atoi(n)
	key := fmt.Sprintf("%02d", 97-v%97)
	return d.one(n+key, n[:2]+"."+n[2:4]+"."+n[4:6]+"-"+n[6:]+"."+key)
}

func ahv(d dice) string {
	n := d.like("756#########")
	sum := 0
	for i := range 12 {
		sum += int(n[i]-'0') * (1 + 2*(i%2))
	}
	n += strconv.Itoa((10 - sum%10) % 10)
	return d.one(n, n[:3]+"."+n[3:7]+"."+n[7:11]+"."+n[11:])
}

func personnummer(d dice) string {
	n := d.day(1940, 2005).Format("060102") + d.like("###")
	n = withLuhn(n)
	return d.one(n[:6]+"-"+n[6:], "19"+n[:6]+"-"+n[6:])
}

func hetu(d dice) string {
	day, serial := d.day(1940, 1999).Format("020106"), fmt.Sprintf("%03d", 2+d.IntN(898))
	v, _ := strconv.Atoi(day + serial)
	return day + "-" + serial + string("0123456789ABCDEFHJKLMNPRSTUVWXY"[v%31])
}

func cpr(d dice) string {
	return d.day(1940, 1999).Format("020106") + d.one("-", "-", "") + d.like("####")
}

func fodselsnummer(d dice) string {
	for {
		n := d.day(1940, 1999).Format("020106") + d.like("###")
		k1 := (11 - weighted(n, 3, 7, 6, 1, 8, 9, 4, 5, 2)%11) % 11
		if k1 == 10 {
			continue
		}
		n += strconv.Itoa(k1)
		k2 := (11 - weighted(n, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)%11) % 11
		if k2 == 10 {
			continue
		}
		return n + strconv.Itoa(k2)
	}
}

func pesel(d dice) string {
	n := d.day(1940, 1999).Format("060102") + d.like("####")
	return n + strconv.Itoa((10-weighted(n, 1, 3, 7, 9, 1, 3, 7, 9, 1, 3)%10)%10)
}

func mod11Digit(n string, from int) int {
	sum := 0
	for i := range len(n) {
		sum += int(n[i]-'0') * (from - i)
	}
	if r := sum % 11; r >= 2 {
		return 11 - r
	}
	return 0
}

func cpf(d dice) string {
	n := d.like("*########")
	n += strconv.Itoa(mod11Digit(n, 10))
	n += strconv.Itoa(mod11Digit(n, 11))
	return d.one(n, n[:3]+"."+n[3:6]+"."+n[6:9]+"-"+n[9:])
}

func cnpj(d dice) string {
	n := d.like("*#######") + "0001"
	digit := func(weights ...int) string {
		if r := weighted(n, weights...) % 11; r >= 2 {
			return strconv.Itoa(11 - r)
		}
		return "0"
	}
	n += digit(5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)
	n += digit(6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)
	return n[:2] + "." + n[2:5] + "." + n[5:8] + "/" + n[8:12] + "-" + n[12:]
}

func aadhaar(d dice) string {
	times := [10][10]int{
		{0, 1, 2, 3, 4, 5, 6, 7, 8, 9},
		{1, 2, 3, 4, 0, 6, 7, 8, 9, 5},
		{2, 3, 4, 0, 1, 7, 8, 9, 5, 6},
		{3, 4, 0, 1, 2, 8, 9, 5, 6, 7},
		{4, 0, 1, 2, 3, 9, 5, 6, 7, 8},
		{5, 9, 8, 7, 6, 0, 4, 3, 2, 1},
		{6, 5, 9, 8, 7, 1, 0, 4, 3, 2},
		{7, 6, 5, 9, 8, 2, 1, 0, 4, 3},
		{8, 7, 6, 5, 9, 3, 2, 1, 0, 4},
		{9, 8, 7, 6, 5, 4, 3, 2, 1, 0},
	}
	step := [10]int{1, 5, 7, 6, 2, 8, 3, 0, 9, 4}
	n := d.one("2", "3", "5", "7", "9") + d.like("##########")
	c := 0
	for i := range len(n) {
		v := int(n[len(n)-1-i] - '0')
		for range (i + 1) % 8 {
			v = step[v]
		}
		c = times[c][v]
	}
	n += strconv.Itoa([10]int{0, 4, 3, 2, 1, 5, 6, 7, 8, 9}[c])
	return d.one(n, n[:4]+" "+n[4:8]+" "+n[8:])
}

func panOfIndia(d dice) string { return d.like("@@@P@####@") }

func sin(d dice) string {
	n := withLuhn(d.like("*#######"))
	return d.one(n, n[:3]+" "+n[3:6]+" "+n[6:], n[:3]+"-"+n[3:6]+"-"+n[6:])
}

func tfn(d dice) string {
	for {
		n := d.like("*########")
		if weighted(n, 1, 4, 3, 7, 5, 8, 6, 9, 10)%11 == 0 {
			return d.one(n, n[:3]+" "+n[3:6]+" "+n[6:])
		}
	}
}

func curp(d dice) string {
	const alphabet = "0123456789ABCDEFGHIJKLMN_OPQRSTUVWXYZ"
	n := d.from("BCDFGHJKLMNPRSTVZ", 1) + d.one("A", "E", "I", "O", "U") + d.from("BCDFGHJKLMNPRSTVZ", 2) + d.day(1950, 1999).Format("060102") + d.one("H", "M") + d.one("DF", "JC", "NL", "VZ", "OC") + d.from("BCDFGLMNPRSTVZ", 3) + d.like("#")
	sum := 0
	for i := range 17 {
		sum += strings.IndexByte(alphabet, n[i]) * (18 - i)
	}
	return n + strconv.Itoa((10-sum%10)%10)
}

func residentID(d dice) string {
	n := d.one("110105", "310104", "440305", "510107") + d.day(1950, 2004).Format("20060102") + d.like("###")
	return n + string("10X98765432"[weighted(n, 7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)%11])
}

func myNumber(d dice) string {
	n := d.like("*##########")
	r := weighted(n, 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2) % 11
	if r <= 1 {
		return n + "0"
	}
	return n + strconv.Itoa(11-r)
}

func southAfrican(d dice) string {
	return withLuhn(d.day(1950, 1999).Format("060102") + d.like("####") + d.one("0", "1") + "8")
}

func imei(d dice) string { return withLuhn(d.like("35############")) }

func npi(d dice) string {
	n := d.like("1########")
	return n + strconv.Itoa(luhnDigit("80840"+n))
}

func nhsNumber(d dice) string {
	for {
		n := d.like("*########")
		if c := 11 - weighted(n, 10, 9, 8, 7, 6, 5, 4, 3, 2)%11; c != 10 {
			n += strconv.Itoa(c % 11)
			return d.one(n, n[:3]+" "+n[3:6]+" "+n[6:])
		}
	}
}

func medicare(d dice) string {
	return d.like("*") + d.from("ACDEFGHJKMNPQRTUVWXY", 1) + d.like("##-") + d.from("ACDEFGHJKMNPQRTUVWXY", 1) + d.like("#-") + d.from("ACDEFGHJKMNPQRTUVWXY", 2) + d.like("##")
}

func kvnr(d dice) string {
	letter := d.IntN(26)
	n := fmt.Sprintf("%02d", letter+1) + d.like("########")
	sum := 0
	for i := range 10 {
		v := int(n[i]-'0') * (1 + i%2)
		sum += v/10 + v%10
	}
	return string(rune('A'+letter)) + n[2:] + strconv.Itoa(sum%10)
}

func ein(d dice) string { return d.like("*#-#######") }

func vat(d dice) string {
	return d.like(d.one("DE#########", "FR###########", "ESB########", "IT###########", "NL#########B01", "ATU########", "PL##########", "GB#########"))
}

func passport(d dice) string {
	return d.like(d.one("C0#X#####", "*########", "@#######", "@@#######", "##@@#####"))
}

func licence(d dice) string {
	return d.like(d.one("@#######", "@####-#####-#####", "B072RRE2I##", "@@@@@######@@#@@", "*#######", "@########"))
}

func bankAccount(d dice) string {
	return d.like(d.one("########", "##########", "*###########", "*#######"))
}

func mrn(d dice) string {
	return d.like(d.one("MRN-#######", "*######", "*#########", "MR######", "H-*#####"))
}
