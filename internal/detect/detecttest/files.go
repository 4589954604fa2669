package detecttest

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math"
	"math/rand/v2"
)

// someFile makes a small file of a common type.
func someFile(r *rand.Rand) (name, contentType string, content []byte) {
	name = say(r, "file")
	switch r.IntN(6) {
	case 0:
		return say(r, "noun") + ".png", "image/png", pngImage(r, 8+r.IntN(24))
	case 1:
		return "photo (" + fmt.Sprint(r.IntN(99)) + ").jpg", "image/jpeg", jpegImage(r, 16+r.IntN(32))
	case 2:
		return say(r, "family") + "-contract.pdf", "application/pdf", pdfFile(r)
	case 3:
		return say(r, "noun") + ".csv", "text/csv", []byte(csvText(r, 1+r.IntN(9)))
	case 4:
		return say(r, "noun") + ".docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document", wordFile(r)
	}
	return name + ".txt.gz", "application/gzip", gzipped(sentences(r, 300))
}

// picture is a gradient with noise, as photographs have it.
func picture(r *rand.Rand, size int) *image.RGBA {
	img := image.NewRGBA(image.Rect(0, 0, size, size))
	a, b := r.Float64()*9, r.Float64()*9
	for y := range size {
		for x := range size {
			v := 120 + 90*math.Sin(a*float64(x)/float64(size)+b*float64(y)/float64(size))
			img.SetRGBA(x, y, color.RGBA{uint8(v) + byte(r.IntN(16)), uint8(v/2) + byte(r.IntN(16)), 255 - uint8(v), 255})
		}
	}
	return img
}

func pngImage(r *rand.Rand, size int) []byte {
	var b bytes.Buffer
	_ = png.Encode(&b, picture(r, size)) // a buffer never fails
	return b.Bytes()
}

func jpegImage(r *rand.Rand, size int) []byte {
	var b bytes.Buffer
	_ = jpeg.Encode(&b, picture(r, size), &jpeg.Options{Quality: 70}) // a buffer never fails
	return b.Bytes()
}

func gzipped(s string) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(s)) // a buffer never fails
	_ = w.Close()
	return b.Bytes()
}

func pdfFile(r *rand.Rand) []byte {
	var stream bytes.Buffer
	w := zlib.NewWriter(&stream)
	_, _ = fmt.Fprintf(w, "BT /F1 12 Tf 72 720 Td (%s) Tj ET", say(r, "en")) // a buffer never fails
	_ = w.Close()
	var b bytes.Buffer
	fmt.Fprintf(&b, "%%PDF-1.7\n%%\xe2\xe3\xcf\xd3\n1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n2 0 obj\n<< /Type /Pages /Kids [3 0 R] /Count 1 >>\nendobj\n3 0 obj\n<< /Type /Page /Parent 2 0 R /Contents 4 0 R /MediaBox [0 0 595 842] >>\nendobj\n4 0 obj\n<< /Length %d /Filter /FlateDecode >>\nstream\n", stream.Len())
	b.Write(stream.Bytes())
	fmt.Fprintf(&b, "\nendstream\nendobj\n5 0 obj\n<< /Title (%s) /Producer (Writer) >>\nendobj\ntrailer\n<< /Root 1 0 R /Info 5 0 R /Size 6 >>\nstartxref\n%d\n%%%%EOF\n", say(r, "noun"), b.Len())
	return b.Bytes()
}

func wordFile(r *rand.Rand) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create("word/document.xml")
	if err != nil {
		panic(err) // a buffer never fails
	}
	_, _ = w.Write([]byte(`<w:document><w:body><w:p><w:r><w:t>` + escapeText.Replace(sentences(r, 120)) + `</w:t></w:r></w:p></w:body></w:document>`)) // nor here
	_ = z.Close()
	return b.Bytes()
}
