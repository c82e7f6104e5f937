/* `ulite segment` as a module of 3D Slicer: what --xml prints, by the Slicer Execution Model
 * (slicer.org, developer guide, "Slicer Execution Model"). */
#include "apps/segment/segment.h"
#include "jobs/base/model_path.h"

#include <stdio.h>

static void put_text(const char *text) {
    for (; *text; text++)
        switch (*text) {
        case '&':
            fputs("&amp;", stdout);
            break;
        case '<':
            fputs("&lt;", stdout);
            break;
        default:
            fputc(*text, stdout);
        }
}

static void put_model(void *context, const char *name, const char *path) {
    (void)context;
    (void)path;
    fputs("      <element>", stdout);
    put_text(name);
    fputs("</element>\n", stdout);
}

int segment_describe_to_slicer(void) {
    printf("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"
           "<executable>\n"
           "  <category>Segmentation</category>\n"
           "  <title>ulite</title>\n"
           "  <description>Segments a volume with a U-Lite model on the CPU. Not a medical device; "
           "research use.</description>\n"
           "  <version>%s</version>\n"
           "  <license>BSD-3-Clause</license>\n"
           "  <contributor>the ulite developers</contributor>\n"
           "  <parameters>\n"
           "    <label>Segmentation</label>\n"
           "    <description>The volume, the model, and where the labels go</description>\n"
           "    <image fileExtensions=\".nrrd,.nii,.nii.gz\">\n"
           "      <name>input</name>\n"
           "      <label>Input volume</label>\n"
           "      <channel>input</channel>\n"
           "      <index>0</index>\n"
           "      <description>The image to segment</description>\n"
           "    </image>\n"
           "    <image type=\"label\" fileExtensions=\".nrrd,.nii,.nii.gz\">\n"
           "      <name>output</name>\n"
           "      <label>Output labels</label>\n"
           "      <channel>output</channel>\n"
           "      <longflag>output</longflag>\n"
           "      <description>A label map on the voxels of the input</description>\n"
           "    </image>\n"
           "    <string-enumeration>\n"
           "      <name>model</name>\n"
           "      <label>Model</label>\n"
           "      <longflag>model</longflag>\n"
           "      <description>One of the bundled models</description>\n"
           "      <default>brain</default>\n",
        ul_version());
    model_path_each(put_model, NULL);
    printf("    </string-enumeration>\n"
           "  </parameters>\n"
           "  <parameters advanced=\"true\">\n"
           "    <label>Further</label>\n"
           "    <description>What is seldom needed</description>\n"
           "    <boolean>\n"
           "      <name>force</name>\n"
           "      <label>Whatever the volume is</label>\n"
           "      <longflag>force</longflag>\n"
           "      <description>Runs a model on what it was not made for</description>\n"
           "      <default>false</default>\n"
           "    </boolean>\n"
           "    <integer>\n"
           "      <name>threads</name>\n"
           "      <label>Threads</label>\n"
           "      <longflag>threads</longflag>\n"
           "      <description>0: one per processor</description>\n"
           "      <default>0</default>\n"
           "      <constraints>\n"
           "        <minimum>0</minimum>\n"
           "        <maximum>1024</maximum>\n"
           "        <step>1</step>\n"
           "      </constraints>\n"
           "    </integer>\n"
           "    <string hidden=\"true\">\n"
           "      <name>progress</name>\n"
           "      <label>Progress</label>\n"
           "      <longflag>progress</longflag>\n"
           "      <description>How progress is told</description>\n"
           "      <default>slicer</default>\n"
           "    </string>\n"
           "  </parameters>\n"
           "</executable>\n");
    return UL_OK;
}
