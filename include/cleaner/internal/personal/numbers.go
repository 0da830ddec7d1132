package personal

import "strings"

// hasManyDigits reports whether a text has seven characters in sequence that begin and end with a digit, and have only digits
// and the characters between digits in numbers.
func hasManyDigits(text string) bool {
	first := -1
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c-'0' <= 9:
			if first < 0 {
				first = i
			}
			if i-first >= 6 {
				return true
			}
		case strings.IndexByte(" .()/-", c) < 0:
			first = -1
		}
	}
	return false
}

// hasNumber reports whether a text contains a phone number, a card number or an IBAN.
func (d *Detector) hasNumber(text string) bool {
	for _, phone := range d.phones {
		for _, part := range phone.parts {
			if strings.Contains(text, part) {
				if phone.form.MatchesNew(text) {
					return true
				}
				break
			}
		}
	}
	for _, card := range d.card.All(text) {
		if hasCheckDigit(card) {
			return true
		}
	}
	for _, iban := range d.iban.All(text) {
		if hasRemainder(iban) {
			return true
		}
	}
	return false
}

// hasCheckDigit checks the last digit of a card (Luhn, ISO/IEC 7812-1).
func hasCheckDigit(card string) bool {
	sum, double := 0, false
	for i := len(card) - 1; i >= 0; i-- {
		if card[i]-'0' > 9 {
			continue
		}
		digit := int(card[i] - '0')
		if double {
			if digit *= 2; digit > 9 {
				digit -= 9
			}
		}
		sum += digit
		double = !double
	}
	return sum%10 == 0
}

// hasRemainder checks the digits of an IBAN (ISO 13616).
func hasRemainder(iban string) bool {
	iban = strings.ReplaceAll(iban, " ", "")
	remainder := 0
	for _, c := range []byte(iban[4:] + iban[:4]) {
		if c-'0' <= 9 {
			remainder = (remainder*10 + int(c-'0')) % 97
		} else {
			remainder = (remainder*100 + int(c-'A') + 10) % 97
		}
	}
	return remainder == 1
}
