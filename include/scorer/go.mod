module leapline/scorer

go 1.26
