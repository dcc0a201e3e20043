import com.pixelmed.dicom.AttributeList;
import com.pixelmed.validate.DicomSRValidator;

/** Validates structured reports against the templates of PS3.16 with PixelMed; one process, because its rules take long to load. */
public class ValidateReports {
    public static void main(String[] files) throws Exception {
        DicomSRValidator validator = new DicomSRValidator();
        validator.setOptionCheckContentItemOrder(true);
        validator.setOptionCheckTemplateID(true);
        for (String file : files) {
            AttributeList list = new AttributeList();
            list.read(file);
            System.out.println("== " + file);
            System.out.print(validator.validate(list));
        }
    }
}
