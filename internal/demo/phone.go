package demo

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// Numbers come only from the ranges that regulators keep free for fiction: France (Arcep: ten
// thousand each in six prefixes), the United Kingdom (Ofcom), Germany (Bundesnetzagentur) and
// North America (555-0100 to 555-0199 of an area code). When a country's ranges are used up,
// people go without a phone.

var (
	frPrefixes = []string{"63998", "19900", "26191", "35301", "46571", "53649"}
	gbPrefixes = []string{"7700 900", "20 7946 0", "161 496 0", "131 496 0", "113 496 0", "121 496 0", "117 496 0", "141 496 0", "151 496 0", "115 496 0", "118 496 0", "114 496 0", "116 496 0"}
	dePrefixes = []string{"30 23125", "69 90009", "40 66969", "221 4710", "89 99998"}
	usAreas    = strings.Fields(`201 202 203 205 206 207 208 209 210 212 213 214 215 216 217 218 219 224 225 228 229 231 234 239 240 248 251 252 253 254
		256 260 262 267 269 270 276 281 301 302 303 304 305 307 308 309 310 312 313 314 315 316 317 318 319 320 321 323 325 330 334 336 337 339 347 351
		352 360 361 386 401 402 404 405 406 407 408 409 410 412 413 414 415 417 419 423 424 425 430 432 434 435 440 443 469 478 479 480 484 501 502 503
		504 505 507 508 509 510 512 513 515 516 517 518 520 530 540 541 551 559 561 562 563 567 570 571 573 574 580 585 586 601 602 603 605 606 607 608
		609 610 612 614 615 616 617 618 619 620 623 626 630 631 636 641 646 650 651 660 661 662 678 682 701 702 703 704 706 707 708 712 713 714 715 716
		717 718 719 720 724 727 731 732 734 740 754 757 760 763 765 770 772 773 774 775 781 785 786 801 802 803 804 805 806 808 810 812 813 814 815 816
		817 818 828 830 831 832 843 845 847 848 850 856 857 858 859 860 862 863 864 865 870 901 903 904 906 907 908 909 910 912 913 914 915 916 917 918
		919 920 925 928 931 936 937 940 941 949 951 952 954 956 970 971 972 973 978 979 980 985 989`)
)

// phoneBook hands out each number once, in a fixed order.
type phoneBook struct{ used map[string]int }

func newPhoneBook() *phoneBook { return &phoneBook{used: map[string]int{}} }

// next returns the next free number of a country in E.164, or "" if there is none.
func (b *phoneBook) next(country string) string {
	i := b.used[country]
	b.used[country]++
	digits := func(prefix string) string { return strings.ReplaceAll(prefix, " ", "") }
	switch country {
	case "FR":
		if i < 10000*len(frPrefixes) {
			return fmt.Sprintf("+33%s%04d", digits(frPrefixes[i/10000]), (i*7919)%10000)
		}
	case "GB":
		if i < 1000*len(gbPrefixes) {
			return fmt.Sprintf("+44%s%03d", digits(gbPrefixes[i/1000]), (i*919)%1000)
		}
	case "DE":
		if i < 1000*len(dePrefixes) {
			return fmt.Sprintf("+49%s%03d", digits(dePrefixes[i/1000]), (i*919)%1000)
		}
	case "US":
		if i < 100*len(usAreas) {
			return fmt.Sprintf("+1%s55501%02d", usAreas[i%len(usAreas)], i/len(usAreas))
		}
	}
	return ""
}

// dialled is a number as people type it.
func dialled(r *rand.Rand, e164 string) string {
	if fr, ok := strings.CutPrefix(e164, "+33"); ok {
		switch r.IntN(5) {
		case 0:
			return "0" + fr
		case 1:
			return fmt.Sprintf("0%s %s %s %s %s", fr[:1], fr[1:3], fr[3:5], fr[5:7], fr[7:])
		case 2:
			return fmt.Sprintf("0%s.%s.%s.%s.%s", fr[:1], fr[1:3], fr[3:5], fr[5:7], fr[7:])
		case 3:
			return "0033" + fr
		}
		return e164
	}
	switch r.IntN(4) {
	case 0:
		return "00" + e164[1:]
	case 1:
		return e164[:3] + " " + e164[3:6] + "-" + e164[6:]
	}
	return e164
}
