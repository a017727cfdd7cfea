package destinations

func knownNormaliser(name string) bool { return true }
func knownHash(name string) bool       { return true }
