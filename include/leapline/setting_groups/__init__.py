"""The settings by what they are about; `leapline.settings` joins the groups."""
