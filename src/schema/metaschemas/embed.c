/* embed.c: a build tool: writes the metaschemas given as arguments as one C table, sorted as given.
 * embed OUTPUT INPUT...   Each row is the document's own identifier without its fragment, and its text. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 1 << 20 };

static void put_string(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text != '\0'; text++) {
        if (*text == '\n')
            fputs("\\n\"\n        \"", out);
        else if (*text == '"' || *text == '\\')
            fprintf(out, "\\%c", *text);
        else
            fputc(*text, out);
    }
    fputc('"', out);
}

/* The value of the first "$id" (or draft 4's "id") in the text, cut at '#'. */
static void put_identifier(FILE *out, const char *text)
{
    const char *at = strstr(text, "\"$id\": \"");
    at = at != NULL ? at + 8 : strstr(text, "\"id\": \"") + 7;
    fprintf(out, "\"%.*s\"", (int)strcspn(at, "#\""), at);
}

int main(int argc, char **argv)
{
    FILE *out = argc > 1 ? fopen(argv[1], "w") : NULL;
    static char text[TEXT_MAX];
    if (out == NULL)
        return 1;
    for (int i = 2; i < argc; i++) {
        FILE *in = fopen(argv[i], "r");
        if (in == NULL)
            return 1;
        text[fread(text, 1, sizeof(text) - 1, in)] = '\0';
        fclose(in);
        fputs("    {", out);
        put_identifier(out, text);
        fputs(",\n        ", out);
        put_string(out, text);
        fputs("},\n", out);
    }
    return fclose(out) == 0 ? 0 : 1;
}
