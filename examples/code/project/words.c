#include <ctype.h>

/* Words of a text: runs of letters and digits. */
int count_words(const char *text) {
  int words = 0;
  int inside = 0;
  for (; *text; text++) {
    int letter = isalnum((unsigned char)*text);
    words += letter && !inside;
    inside = letter;
  }
  return words;
}
