"""`leapline drill`: break each stage of a run on a scratch lake and registry, and show that nothing was published."""
