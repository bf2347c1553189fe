/* The whole program of the link test: what it proves is in the link line, see meson.build. */
int main(void)
{
    return 0;
}
