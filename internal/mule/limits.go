package mule

import "farrier.dev/farrier/internal/encoding/xmltext"

// Limits bound what is read. A field of zero stands for the default.
type Limits struct {
	// FileBytes is the size of one file; larger ones are not read.
	FileBytes int64
	// ProjectBytes is how much text of one project is read, ProjectFiles how many
	// files.
	ProjectBytes int64
	ProjectFiles int
	// Depth is how many folders may lie in each other.
	Depth int
	// Names is how many files a path may hold that are looked at by their names;
	// Projects is how many projects.
	Names, Projects int
	// ArchiveBytes is the size of an archive; NestedBytes that of one inside
	// another, which is read into memory. ArchiveRatio is how many times larger than
	// it is packed a file may be, ArchiveNames how many files an archive may hold.
	ArchiveBytes, NestedBytes int64
	ArchiveRatio              uint64
	ArchiveNames              int
	// XML bounds each XML file.
	XML xmltext.Limits
}

// DefaultLimits are the defaults: files of 4 MiB, projects of 256 MiB in 20,000
// files, 64 folders in each other, a million names and 20,000 projects, archives
// of 2 GiB (64 MiB in another) with 200,000 files that unpack to a hundred times
// their size, and XML of 100,000 children in one element.
func DefaultLimits() Limits {
	xml := xmltext.DefaultLimits()
	xml.MaxChildren = 100_000
	xml.MaxTokens = 2_000_000
	return Limits{
		FileBytes: 4 << 20, ProjectBytes: 256 << 20, ProjectFiles: 20_000,
		Depth: 64, Names: 1_000_000, Projects: 20_000,
		ArchiveBytes: 2 << 30, NestedBytes: 64 << 20, ArchiveRatio: 100, ArchiveNames: 200_000,
		XML: xml,
	}
}

// orDefault fills the fields that are zero.
func (l Limits) orDefault() Limits {
	d := DefaultLimits()
	fill(&l.FileBytes, d.FileBytes)
	fill(&l.ProjectBytes, d.ProjectBytes)
	fill(&l.ProjectFiles, d.ProjectFiles)
	fill(&l.Depth, d.Depth)
	fill(&l.Names, d.Names)
	fill(&l.Projects, d.Projects)
	fill(&l.ArchiveBytes, d.ArchiveBytes)
	fill(&l.NestedBytes, d.NestedBytes)
	fill(&l.ArchiveRatio, d.ArchiveRatio)
	fill(&l.ArchiveNames, d.ArchiveNames)
	if l.XML == (xmltext.Limits{}) {
		l.XML = d.XML
	}
	return l
}

func fill[T int | int64 | uint64](field *T, value T) {
	if *field == 0 {
		*field = value
	}
}
