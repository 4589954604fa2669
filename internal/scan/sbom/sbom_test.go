package sbom_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"

	"farrier.dev/farrier/internal/mule"
	"farrier.dev/farrier/internal/scan/sbom"
)

const pom = `<project xmlns="http://maven.apache.org/POM/4.0.0"><groupId>com.example</groupId><artifactId>orders</artifactId><version>1.0.0</version>
<packaging>mule-application</packaging><properties><app.runtime>4.9.8</app.runtime><http.version>1.10.3</http.version></properties><dependencies>
<dependency><groupId>org.mule.connectors</groupId><artifactId>mule-http-connector</artifactId><version>${http.version}</version><classifier>mule-plugin</classifier></dependency>
<dependency><groupId>junit</groupId><artifactId>junit</artifactId><version>4.13</version><scope>test</scope></dependency>
</dependencies></project>`

// TestBill: a bill names the project, what its POM names and the runtime, each by
// its package URL, and reads back as what was written.
func TestBill(t *testing.T) {
	p, err := mule.ReadFiles("orders", map[string]string{
		"pom.xml": pom, "src/main/mule/a.xml": `<mule xmlns="http://www.mulesoft.org/schema/mule/core"><flow name="a"/></mule>`,
	})
	if err != nil {
		t.Fatal(err)
	}
	var first, second bytes.Buffer
	for _, out := range []*bytes.Buffer{&first, &second} {
		b := sbom.New("1.2.3", time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
		b.Add(p)
		if err := b.Write(out); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Error("two bills of one project differ")
	}
	var bom cdx.BOM
	if err := cdx.NewBOMDecoder(&first, cdx.BOMFileFormatJSON).Decode(&bom); err != nil {
		t.Fatal(err)
	}
	var urls []string
	for _, c := range *bom.Components {
		urls = append(urls, c.PackageURL)
	}
	want := "pkg:maven/com.example/orders@1.0.0 pkg:maven/org.mule.connectors/mule-http-connector@1.10.3?classifier=mule-plugin pkg:maven/org.mule.runtime/mule-core@4.9.8"
	if got := strings.Join(urls, " "); got != want {
		t.Errorf("components\n%s\nnot\n%s", got, want)
	}
	for _, d := range *bom.Dependencies {
		if strings.Contains(d.Ref, "orders") && (d.Dependencies == nil || len(*d.Dependencies) != 2) {
			t.Errorf("orders depends on %v", d.Dependencies)
		}
	}
	if bom.Metadata.Timestamp != "2026-03-01T12:00:00Z" || bom.SpecVersion != cdx.SpecVersion1_6 {
		t.Errorf("%+v", bom.Metadata)
	}
}
