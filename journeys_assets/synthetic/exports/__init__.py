"""The world's searches and engagements as logs of other formats, in their true shape. One module per format."""
