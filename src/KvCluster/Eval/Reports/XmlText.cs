using System.Xml;

namespace KvCluster.CommandLine.Eval.Reports;

/// <summary>Text that any XML or HTML parser takes.</summary>
internal static class XmlText
{
    /// <summary>Replaces what XML can't hold: control characters and halves of surrogate pairs.</summary>
    public static string Clean(string text)
    {
        var clean = new System.Text.StringBuilder(text.Length);
        for (int i = 0; i < text.Length; i++)
        {
            if (i + 1 < text.Length && XmlConvert.IsXmlSurrogatePair(text[i + 1], text[i]))
            {
                clean.Append(text[i]).Append(text[++i]);
            }
            else
            {
                clean.Append(XmlConvert.IsXmlChar(text[i]) ? text[i] : '\uFFFD');
            }
        }

        return clean.ToString();
    }
}
