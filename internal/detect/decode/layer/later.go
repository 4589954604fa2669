package layer

func (o *opener) php()                       {}
func (o *opener) java()                      {}
func (o *opener) protobuf()                  {}
func (o *opener) binaryProtobuf([]byte) bool { return false }
func (o *opener) yaml()                      {}
func (o *opener) csv()                       {}
